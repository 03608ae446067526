"""Metrics of how far off answers are: numbers, and grades in their order."""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, median_absolute_error, r2_score

from opro_local.answers.grade import Grade
from opro_local.answers.number import Number
from opro_local.config import Metric
from opro_local.records import Answer, Outcome
from opro_local.scoring.marking import Marking
from opro_local.scoring.metrics import METRICS
from opro_local.scoring.sample import spread_of

ERRORS: Sequence[Metric] = ("mae", "median_error", "r2")
SCIKIT_LEARN = {"mae": mean_absolute_error, "median_error": median_absolute_error, "r2": r2_score}
GRADE = Grade(labels=("poor", "fair", "good", "great"))


def answered(*pairs: tuple[object, object | None]) -> list[Answer]:
    """Of (target, prediction)."""
    return [
        Answer(
            Outcome(
                example_id=str(number),
                target=str(target),
                prediction=None if said is None else str(said),
                score=float(target == said),
            )
        )
        for number, (target, said) in enumerate(pairs)
    ]


def value(metric: Metric, answers: Sequence[Answer], spread: float = 10.0) -> float:
    return Marking(kind=Number(), metric=metric, spread=spread).score(answers).value


def drawn(n: int, noise: float, seed: int = 0) -> list[Answer]:
    """Targets from 0 to 100, answered with noise; none is off by more than their spread."""
    generator = np.random.default_rng(seed)
    targets = np.random.default_rng(99).uniform(0, 100, n)
    said = np.clip(targets + generator.normal(0, noise, n), 0, 100)
    return answered(*zip(targets.tolist(), said.tolist(), strict=True))


@pytest.mark.parametrize("metric", ERRORS)
@pytest.mark.parametrize("n", [2, 25, 100])
def test_errors_are_scikit_learns(metric: Metric, n: int) -> None:
    answers = drawn(n, 8.0)
    targets = [float(answer.target) for answer in answers]
    expected = SCIKIT_LEARN[metric](targets, [float(answer.prediction or "") for answer in answers])
    marking = Marking(kind=Number(), metric=metric, spread=100.0)
    assert value(metric, answers, 100.0) == pytest.approx(expected)
    sums = marking.sums([answers, answers[:1]])
    assert sums.figure(np.ones((1, n)) @ sums.addends[0])[0] == pytest.approx(expected)


@pytest.mark.parametrize("metric", ERRORS)
def test_silence_is_no_better_than_any_wrong_number(metric: Metric) -> None:
    sign = METRICS[metric].sign
    rest: list[tuple[object, object | None]] = [(2, 3), (10, 10), (7, 1)]
    silent = sign * value(metric, answered((5, None), *rest))
    wrong = [sign * value(metric, answered((5, said), *rest)) for said in (-4, 0, 14.9, 15, 1e9, -1e300)]
    assert all(silent <= each for each in wrong)
    assert wrong[4] == wrong[5] == silent  # nor is the wildest number worse than all else


def test_no_number_is_off_by_the_spread_of_the_answers() -> None:
    answers = answered((0, 0), (10, 8), (4, None))
    assert value("mae", answers) == pytest.approx((0 + 2 + 10) / 3)
    assert value("median_error", answers) == 2
    assert value("r2", answers) == pytest.approx(
        1 - (4 + 100) / ((14 / 3) ** 2 + (16 / 3) ** 2 + (2 / 3) ** 2)
    )


def test_where_all_answers_are_the_same_a_missing_one_is_still_wrong() -> None:
    assert spread_of(Number(), ["40", "40"]) == 40
    assert spread_of(Number(), ["0", "0.0"]) == 1
    assert spread_of(Number(), ["4", "-6"]) == 10
    assert value("mae", answered((40, 40), (40, None)), 40.0) == 20
    assert value("r2", answered((40, 40), (40, None)), 40.0) == 0
    assert value("r2", answered((40, 40), (40, 40)), 40.0) == 1
    assert [value("r2", answered((40, said)), 40.0) for said in (40, 39)] == [1, 0]


@pytest.mark.parametrize("metric", ["median_error", "r2"])
def test_the_smaller_errors_win_and_equal_ones_do_not(metric: Metric) -> None:
    marking = Marking(kind=Number(), metric=metric, spread=100.0)
    better = marking.compare(drawn(60, 4.0), drawn(60, 12.0, seed=1))
    assert better is not None
    assert better.difference == pytest.approx(
        METRICS[metric].sign
        * (value(metric, drawn(60, 4.0), 100.0) - value(metric, drawn(60, 12.0, 1), 100.0))
    )
    assert better.p_better < 0.01 < better.p_worse
    assert better.interval[0] > 0
    level = marking.compare(drawn(60, 8.0), drawn(60, 8.0, seed=1))
    assert level is not None
    assert min(level.p_better, level.p_worse) > 0.05
    same = marking.compare(drawn(60, 8.0), drawn(60, 8.0))
    assert same is not None
    assert (same.difference, same.p_better, same.p_worse) == (0, 1, 1)


@pytest.mark.parametrize("metric", ["median_error", "r2"])
def test_they_have_an_interval_and_rows_that_stand_for_them_in_a_race(metric: Metric) -> None:
    marking = Marking(kind=Number(), metric=metric, spread=100.0)
    score = marking.score(drawn(60, 8.0))
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    gains = marking.gains(answered((50, 49), (50, None)), answered((50, 40), (50, 60)))
    assert gains.tolist() == [9, -90]  # absolute errors


def test_a_median_has_an_interval_of_observed_errors_and_none_where_all_are_alike() -> None:
    marking = Marking(kind=Number(), metric="median_error", spread=10.0)
    assert marking.score(answered(*[(5, 6)] * 8)).interval is None


class TestGrades:
    ANSWERS = answered(("poor", "poor"), ("fair", "good"), ("great", "fair"), ("good", None))

    def marking(self, metric: Metric) -> Marking:
        return Marking(kind=GRADE, metric=metric, spread=spread_of(GRADE, ["poor", "fair"]))

    def test_errors_are_in_grades_of_the_whole_scale(self) -> None:
        assert self.marking("mae").spread == 3
        assert self.marking("mae").score(self.ANSWERS).value == (0 + 1 + 2 + 3) / 4

    def test_off_by_one_is_a_share_with_the_tests_of_one(self) -> None:
        marking = self.marking("off_by_one")
        score = marking.score(self.ANSWERS)
        assert (score.value, score.n) == (0.5, 4)
        assert score.interval == pytest.approx((0.15, 0.85), abs=5e-3)  # Wilson, 2 of 4
        ours, theirs = answered(*[("poor", "fair")] * 6), answered(*[("poor", "good")] * 6)
        found = marking.compare(ours, theirs)
        assert found is not None
        assert (found.difference, found.p_better) == (1.0, 0.5**6)  # McNemar, 6 against 0

    def test_errors_of_0_and_1_are_no_shares_of_right_answers(self) -> None:
        found = self.marking("mae").compare(
            answered(*[("poor", "poor")] * 8), answered(*[("poor", "fair")] * 8)
        )
        assert found is not None
        assert found.difference == 1
        assert found.p_better < 0.01

    def test_what_is_of_grades_is_reported_beside_any_metric(self) -> None:
        metrics = self.marking("accuracy").score(self.ANSWERS).metrics
        assert {"weighted_kappa", "mae", "off_by_one"} <= set(metrics)
        assert "r2" not in metrics
