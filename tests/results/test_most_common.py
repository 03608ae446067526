"""What saying one thing to every row is worth, and whether the winner is worth more."""

import math
from collections.abc import Sequence

import pytest

from opro_local.answers import AnswerKind
from opro_local.answers.grade import Grade
from opro_local.answers.label import Label
from opro_local.answers.labels import Labels
from opro_local.answers.number import Number
from opro_local.config import Metric
from opro_local.records import Example, Outcome
from opro_local.results.most_common import MostCommon, most_common
from opro_local.scoring.marking import Marking

MAIL = Label(labels=("ham", "spam"))
TRAIN = ["spam"] * 2 + ["ham"] * 8


def found(marking: Marking, train: Sequence[str], said: Sequence[tuple[str, str]]) -> MostCommon | None:
    """Of a winner that said something to rows with targets: pairs of the two."""
    outcomes = [
        Outcome(
            example_id=str(i),
            target=target,
            prediction=prediction,
            score=marking.kind.worth(prediction, Example(id=str(i), text="", target=target)),
            prompt_tokens=9,
        )
        for i, (target, prediction) in enumerate(said)
    ]
    return most_common(marking, train, marking.answers(outcomes))


def test_a_winner_that_finds_some_of_the_rare_is_held_against_the_common_label() -> None:
    said = [("ham", "ham")] * 32 + [("spam", "spam")] * 6 + [("spam", "ham")] * 2
    always = found(Marking(kind=MAIL), TRAIN, said)
    assert always is not None
    assert (always.answer, always.value, always.n, always.prompt_tokens) == ("ham", 0.8, 40, None)
    assert always.metrics["balanced_accuracy"] == 0.5
    assert always.word == "better"
    assert always.comparison.difference == pytest.approx(0.15)
    assert always.adjusted_p == pytest.approx(0.5**6)


def test_train_says_what_is_common_and_not_test() -> None:
    always = found(Marking(kind=MAIL), TRAIN, [("spam", "spam")] * 3)
    assert always is not None
    assert (always.answer, always.value) == ("ham", 0.0)


def test_a_winner_that_says_it_too_has_no_gain() -> None:
    always = found(Marking(kind=MAIL), TRAIN, [("ham", "ham")] * 30 + [("spam", "ham")] * 10)
    assert always is not None
    assert always.word == "no evidence of a gain"
    assert always.comparison.difference == 0


@pytest.mark.parametrize(
    ("kind", "metric", "train", "said", "value"),
    [
        (Labels(labels=("a", "b")), "macro_f1", ["a", "a", "b"], [("a", "a"), ("b", "b")], 2 / 3),
        (Grade(labels=("1", "2", "3")), "mae", ["2", "2", "1"], [("1", "1"), ("3", "3"), ("2", "2")], 2 / 3),
        (Grade(labels=("1", "2", "3")), "weighted_kappa", ["2", "1"], [("1", "1"), ("3", "3")], 0.0),
    ],
)
def test_it_is_measured_in_the_metric_of_the_task(
    kind: AnswerKind, metric: str, train: list[str], said: list[tuple[str, str]], value: float
) -> None:
    always = found(Marking(kind=kind, metric=metric, spread=2.0), train, said)  # type: ignore[arg-type]
    assert always is not None
    assert always.value is not None
    assert math.isclose(always.value, value)


@pytest.mark.parametrize(
    ("marking", "train"),
    [
        (Marking(kind=Number()), ["1"]),
        (Marking(kind=MAIL, metric="log_loss"), TRAIN),
        (Marking(kind=MAIL), []),
    ],
)
def test_there_is_none_where_answers_are_open_or_a_probability_is_asked_for(
    marking: Marking, train: list[str]
) -> None:
    assert found(marking, train, [("ham", "ham")] if train != ["1"] else [("1", "1")]) is None


def test_there_is_none_before_test() -> None:
    assert found(Marking(kind=MAIL), TRAIN, []) is None


SETS = Labels(labels=("a", "b", "c"))
MIXED = ["none"] * 4 + ["a; b"] * 3 + ["a"] * 3


@pytest.mark.parametrize(("metric", "answer"), [("accuracy", "none"), ("micro_f1", "a"), ("example_f1", "a")])
def test_of_sets_it_is_the_one_that_is_best_on_train(metric: Metric, answer: str) -> None:
    always = found(Marking(kind=SETS, metric=metric), MIXED, [("a", "a"), ("none", "none")])
    assert always is not None
    assert always.answer == answer


def test_between_two_common_grades_is_nearer_to_all() -> None:
    grades = Grade(labels=("1", "2", "3"))
    train = ["1"] * 4 + ["3"] * 4 + ["2"]
    said = [("1", "1"), ("3", "3")]
    answers = {}
    for metric in ("accuracy", "off_by_one"):
        always = found(Marking(kind=grades, metric=metric, spread=2.0), train, said)
        assert always is not None
        answers[metric] = always.answer
    assert answers == {"accuracy": "1", "off_by_one": "2"}


@pytest.mark.parametrize("metric", ["macro_f1", "mcc", "balanced_accuracy"])
def test_a_figure_that_no_row_can_change_has_no_interval(metric: Metric) -> None:
    said = [("ham", "ham")] * 30 + [("spam", "spam")] * 6 + [("spam", "ham")] * 4
    marking = Marking(kind=MAIL, metric=metric)
    always = found(marking, TRAIN, said)
    assert always is not None and always.value is not None
    assert always.interval is None
    low, high = always.comparison.interval
    assert always.comparison.difference == pytest.approx(_value(marking, said) - always.value)
    assert low < always.comparison.difference < high <= 1 - always.value


def _value(marking: Marking, said: Sequence[tuple[str, str]]) -> float:
    outcomes = [
        Outcome(example_id=str(i), target=target, prediction=prediction, score=float(target == prediction))
        for i, (target, prediction) in enumerate(said)
    ]
    return marking.value(marking.answers(outcomes))
