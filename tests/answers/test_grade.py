"""Grades: their order, what replies say of them, and what their likelihoods come to."""

import math
from collections.abc import Sequence

import pytest
from reading_aid import said

from opro_local.answers.grade import MEAN, Grade
from opro_local.config import Metric
from opro_local.errors import DataError
from opro_local.records import Example, LabelledRow, Outcome
from opro_local.scoring.calibration import calibrated
from opro_local.scoring.marking import Marking

STARS = Grade(labels=("1", "2", "3", "4", "5"))
WORDS = Grade(labels=("poor", "fair", "good"))


def rows(*targets: str) -> list[LabelledRow]:
    """Two rows a target."""
    return [
        LabelledRow(where=f"row {i}", text=f"text {i}", target=target) for i, target in enumerate(targets * 2)
    ]


class TestOrder:
    def test_numbers_go_by_size(self) -> None:
        assert Grade.labels_of(rows("10", "9", "-1", "2.5"), ()) == ("-1", "2.5", "9", "10")

    def test_so_do_numbers_with_a_decimal_comma(self) -> None:
        assert Grade.labels_of(rows("2,3", "1,0", "1,7", "10,0"), ()) == ("1,0", "1,7", "2,3", "10,0")

    def test_an_order_that_is_given_holds(self) -> None:
        assert Grade.labels_of(rows("3", "1", "2"), ("3", "2", "1")) == ("3", "2", "1")
        assert Grade.labels_of(rows("low", "high"), ("low", "middle", "high")) == ("low", "middle", "high")

    def test_words_have_none_that_a_table_tells(self) -> None:
        with pytest.raises(DataError, match=r"'high', 'low' is not in the table: give .*lowest first"):
            Grade.labels_of(rows("low", "high", "3"), ())

    def test_a_grade_in_two_spellings_is_refused(self) -> None:
        with pytest.raises(DataError, match=r"1 and 1\.0"):
            Grade.labels_of(rows("1", "1.0", "2"), ())

    def test_a_user_is_told_of_the_order_and_of_steps_that_no_row_has(self) -> None:
        told = list(Grade(labels=("1", "2", "5")).notes(rows("1", "2", "5")))
        assert told[0].startswith("grades in their order: 1, 2, 5.")
        assert told[1].startswith("no row has the grade 3, 4, and it counts as no step")
        assert len(list(STARS.notes(rows("1", "2", "5")))) == 1
        assert len(list(WORDS.notes(rows("poor", "good")))) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("4", "4"),
        ("4.0", "4"),
        ("four", "4"),
        ("4/5", "4"),
        ("4 / 5", "4"),
        ("I would give it 4 out of 5.", "4"),
        ("It deserves a 4 on a scale of 1 to 5.", "4"),
        ("Score: 4 (on a scale from 1 to 5)", "4"),
        ("Grade 4 because there are 2 complaints", "4"),
        ("The grade is 2.", "2"),
        ("5 stars", "5"),
        ("5/5", "5"),
        ("4.5", "no answer"),
        ("6", "no answer"),
        ("4 out of 10", "no answer"),
        ("not 4", "no answer"),
        ("3-4", "no answer"),
        ("3 or 4", "several answers"),
        ("between 3 and 4", "several answers"),
        ("1, 2, 3, 4, 5", "several answers"),
        ("very nice", "no answer"),
    ],
)
def test_a_grade_that_is_a_number_is_read_as_one(reply: str, expected: str) -> None:
    assert said(STARS, reply) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Good.", "good"),
        ("The grade is fair", "fair"),
        ("poor or fair", "several answers"),
        ("3", "no answer"),
    ],
)
def test_a_word_is_read_as_a_label_is(reply: str, expected: str) -> None:
    assert said(WORDS, reply) == expected


def test_a_grade_is_worth_what_it_adds_to_a_quadratic_kappa() -> None:
    target = Example(id="1", text="", target="5")
    assert [STARS.worth(grade, target) for grade in STARS.labels] == [0, 1 - 9 / 16, 1 - 4 / 16, 15 / 16, 1]


class TestPrediction:
    TORN = tuple(map(math.log, (0.4, 0.05, 0.05, 0.15, 0.35)))
    """Mean place 2.0: neither of the two likely ends."""

    def test_is_the_likeliest_grade_or_that_nearest_to_the_mean(self) -> None:
        assert STARS.predicted(self.TORN) == "1"
        assert STARS.predicted(self.TORN, (MEAN,)) == "3"

    def test_of_two_as_near_the_higher_one(self) -> None:
        even = (math.log(0.5), math.log(0.5))
        assert Grade(labels=("low", "high")).predicted(even, (MEAN,)) == "high"
        assert Grade(labels=("low", "high")).predicted(even) == "low"

    def test_takes_no_harm_from_what_is_all_but_impossible(self) -> None:
        assert STARS.predicted((-1e4, -1e4 - 1, -2e4, -2e4, -3e4), (MEAN,)) == "1"

    def test_is_what_its_code_says(self) -> None:
        torch = pytest.importorskip("torch")
        for rule in ((), (MEAN,)):
            names = {"LABELS": STARS.labels, "scores": list(self.TORN), "torch": torch}
            assert eval(STARS.code(rule), names) == STARS.predicted(self.TORN, rule)
        assert "nearest to the mean" in STARS.decision((MEAN,), "log-probability")
        assert "highest" in STARS.decision((), "log-probability")


class TestRule:
    """Which of the two is taken on train."""

    def outcome(self, number: int, target: str, chances: Sequence[float]) -> Outcome:
        log_probs = tuple(map(math.log, chances))
        return Outcome(
            example_id=str(number),
            target=target,
            prediction=STARS.predicted(log_probs),
            score=0.0,
            choice_log_probs=log_probs,
        )

    def outcomes(self) -> list[Outcome]:
        """The likeliest grade is right on three rows and far off on the last; the mean is near on all."""
        sure = [
            self.outcome(number, target, chances)
            for number, (target, chances) in enumerate(
                [
                    ("1", (0.5, 0.12, 0.13, 0.12, 0.13)),
                    ("2", (0.02, 0.5, 0.24, 0.12, 0.12)),
                    ("4", (0.12, 0.12, 0.24, 0.5, 0.02)),
                ]
            )
        ]
        return [*sure, self.outcome(3, "5", (0.3, 0.01, 0.15, 0.25, 0.29))]

    @pytest.mark.parametrize(
        ("metric", "by_mean"), [("accuracy", False), ("weighted_kappa", True), ("mae", False)]
    )
    def test_the_metric_decides(self, metric: Metric, by_mean: bool) -> None:
        marking = Marking(kind=STARS, metric=metric, spread=4.0)
        fitted = marking.fitted(self.outcomes(), ())
        assert fitted == ((0.0,) * 5 + (MEAN,) if by_mean else ())
        values = [
            marking.score(marking.answers(self.outcomes(), each)).value for each in ((), (0.0,) * 5 + (MEAN,))
        ]
        best = marking.score(marking.answers(self.outcomes(), fitted)).value
        assert best == (min(values) if metric == "mae" else max(values))

    def test_biases_stay_beside_it(self) -> None:
        biases = (0.1, 0.2, 0.0, -0.1, -0.2)
        assert STARS.calibrations([], biases) == (biases, (*biases, MEAN))
        assert STARS.parts_of((*biases, MEAN)) == (biases, (MEAN,))
        answer = calibrated(self.outcomes()[3], STARS, (0.0, 0.0, 0.0, 0.0, 9.0, MEAN))
        assert answer.prediction == "5"
        assert answer.choice_log_probs[4] == pytest.approx(math.log(0.29) + 9)
