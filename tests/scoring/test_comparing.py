"""Two candidates by means of rows that are not simply won or lost: rows exchange their answers."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from opro_local.answers.number import Number
from opro_local.answers.python import Python
from opro_local.config import Metric
from opro_local.evidence.paired import Comparison, compare_correct
from opro_local.evidence.verdict import verdicts
from opro_local.records import Answer, Outcome
from opro_local.scoring.marking import Marking

SCORES = Marking(kind=Python(), metric="mean_score")


def answer(number: int, *, target: str = "-", said: str = "-", score: float = 0.0) -> Answer:
    return Answer(Outcome(example_id=str(number), target=target, prediction=said, score=score))


def by_scores(ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    first, second = ([answer(number, score=s) for number, s in enumerate(each)] for each in (ours, theirs))
    found = SCORES.compare(first, second)
    assert found is not None
    return found


def by_errors(ours: Sequence[float], theirs: Sequence[float], unit: float = 1.0) -> Comparison:
    """Errors of numbers, in a unit of their own."""
    marking = Marking(kind=Number(), metric="mae", spread=1000 * unit)
    first, second = (
        [answer(number, target="0", said=f"{error * unit:.25f}") for number, error in enumerate(each)]
        for each in (ours, theirs)
    )
    found = marking.compare(first, second)
    assert found is not None
    return found


@pytest.mark.parametrize("rows", [1, 2, 3, 6, 10])
@pytest.mark.parametrize("steps", [4, 1000])
def test_the_p_values_of_few_rows_are_those_of_all_exchanges(rows: int, steps: int) -> None:
    """In quarters many exchanges are as good as what was seen."""
    ours, theirs = np.random.default_rng(rows).integers(0, steps + 1, (2, rows)) / steps
    gains = ours - theirs + 0.25 / steps  # never all 0 or 1
    found = by_scores(ours + 0.25 / steps, theirs)
    means = [float(np.mean(signs * gains)) for signs in product([1, -1], repeat=rows)]
    assert found.p_better == pytest.approx(np.mean([mean >= gains.mean() - 1e-9 for mean in means]))
    assert found.p_worse == pytest.approx(np.mean([mean <= gains.mean() + 1e-9 for mean in means]))
    assert found.deviation == pytest.approx(gains.std(), abs=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_rows_that_are_all_won_say_what_so_many_coins_say(rows: int) -> None:
    found = by_scores([0.75] * rows, [0.5] * rows)
    assert (found.p_better, found.p_worse) == (0.5**rows, 1.0)
    assert found.interval == pytest.approx((0.25, 0.25))


@pytest.mark.parametrize("rows", [1, 3, 60])
def test_equal_scores_are_no_evidence_either_way(rows: int) -> None:
    found = by_scores([0.3] * rows, [0.3] * rows)
    assert (found.difference, found.interval, found.deviation) == (0.0, (0.0, 0.0), 0.0)
    assert (found.p_better, found.p_worse) == (1.0, 1.0)


def test_of_many_rows_it_says_what_the_exact_test_of_shares_says() -> None:
    won, level, lost = (0.75, 0.25), (0.5, 0.5), (0.25, 0.75)
    found = by_scores(*zip(*[won] * 60 + [level] * 300 + [lost] * 40, strict=True))
    exact = compare_correct([True] * 360 + [False] * 40, [False] * 60 + [True] * 340)
    assert found.difference == pytest.approx(exact.difference / 2)
    assert found.interval == pytest.approx([end / 2 for end in exact.interval], abs=0.003)
    assert found.p_better == pytest.approx(exact.p_better, abs=0.01)
    assert found.p_worse == pytest.approx(exact.p_worse, abs=0.01)
    assert found.deviation == pytest.approx(exact.deviation / 2, rel=0.05)
    assert found.step == pytest.approx(exact.step / 2, rel=0.05)


def test_the_step_is_that_of_the_scores() -> None:
    """Half of the least that an exchange of one row moves the sum by."""
    draw = np.random.default_rng(4)
    ours, theirs = draw.integers(0, 5, (2, 80))
    assert by_scores(ours / 4, theirs / 4).step == pytest.approx(0.25, rel=0.1)
    assert by_scores(ours / 8, theirs / 8).step == pytest.approx(0.125, rel=0.1)
    assert by_errors(ours * 2, theirs * 2).step == pytest.approx(2, rel=0.1)
    assert by_scores(*draw.uniform(0, 1, (2, 80))).step == 0.0


def test_of_many_rows_it_says_what_the_t_test_says() -> None:
    ours, theirs = np.random.default_rng(1).uniform(0, 1, (2, 60))
    found = by_scores(ours, theirs)
    student = ttest_1samp(ours - theirs, 0.0, alternative="greater")
    assert found.p_better == pytest.approx(student.pvalue, abs=0.02)
    assert found.p_worse == pytest.approx(1 - student.pvalue, abs=0.02)


@pytest.mark.parametrize("rows", [2, 6, 60])
def test_the_interval_is_students_within_what_can_be(rows: int) -> None:
    ours, theirs = np.random.default_rng(2).uniform(0, 1, (2, rows))
    low, high = ttest_1samp(ours - theirs, 0.0).confidence_interval(0.95)
    assert by_scores(ours, theirs).interval == pytest.approx((max(low, -1), min(high, 1)), rel=0.05)
    assert (low < -1 or high > 1) == (rows == 2)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_exchanges_that_come_to_the_same_tie_in_any_unit(unit: float) -> None:
    """Though tenths are not added up exactly."""
    gains = np.array([6, -5, -7, -4, -2, 6, -1, -8, -3, 2])
    found = by_errors(np.maximum(-gains, 0) / 10, np.maximum(gains, 0) / 10, unit)
    sums = np.array(list(product([1, -1], repeat=len(gains)))) @ gains
    assert found.p_better == np.mean(sums >= gains.sum())
    assert found.p_worse == np.mean(sums <= gains.sum())
    assert found.difference == pytest.approx(unit * gains.mean() / 10)


def test_where_few_rows_decide_no_number_of_rows_is_promised() -> None:
    """One answer far off makes next to all of the deviation; other rows may have none, or three."""
    draw = np.random.default_rng(3)
    ours, theirs = draw.uniform(0, 10, (2, 60))
    even = by_errors(ours, theirs + 0.5)
    uneven = by_errors(ours, [*(theirs + 0.5)[:-1], 500])
    assert [even.few_decide, uneven.few_decide] == [False, True]
    assert [found.difference > 0 and found.p_better > 0.05 for found in (even, uneven)] == [True, True]
    assert verdicts([even])[0].n_to_settle is not None
    assert verdicts([uneven])[0].n_to_settle is None


@pytest.mark.parametrize(
    ("metric", "limits"),
    [("mae", (0, 4)), ("median_error", (0, 4)), ("off_by_one", (0, 1)), ("mcc", (-1, 1))],
)
def test_no_error_is_larger_than_the_spread(metric: Metric, limits: tuple[float, float]) -> None:
    assert Marking(kind=Number(), metric=metric, spread=4.0).limits == limits


def test_no_difference_of_errors_is_larger_than_the_spread() -> None:
    outcomes = [
        [Outcome(example_id=f"{i}", target="0", prediction=said, score=0.0) for i, said in enumerate(each)]
        for each in (("0", "0"), ("4", "3"))
    ]
    marking = Marking(kind=Number(), metric="mae", spread=4.0)
    found = marking.compare(*(marking.answers(each) for each in outcomes))
    assert found is not None
    assert found.difference == 3.5
    assert found.interval[1] == 4.0
