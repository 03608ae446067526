"""How far two graders agree, beside scikit-learn's and scipy's figures."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from opro_local.evidence.agreement import agreement, rank_correlation

PERSON = (1, 2, 2, 3, 3, 3, 4, 4, 5, 5)


@pytest.mark.parametrize(
    "judge", [PERSON, PERSON[::-1], (1, 1, 2, 3, 4, 3, 4, 5, 4, 5), (3, 1, 4, 1, 5, 2, 2, 5, 3, 5)]
)
def test_kappa_of_whole_grades_is_cohens_with_quadratic_weights(judge: Sequence[int]) -> None:
    expected = cohen_kappa_score(PERSON, judge, weights="quadratic", labels=range(1, 6))
    assert agreement(judge, PERSON).kappa == pytest.approx(expected)


def test_kappa_goes_on_between_the_grades() -> None:
    near = agreement([grade + 0.01 for grade in PERSON], PERSON).kappa
    assert 0.99 < near < 1
    assert agreement([0.2 * grade + 2.4 for grade in PERSON], PERSON).kappa < 0.5  # no scale of its own


@pytest.mark.parametrize(
    ("judge", "person"), [((3,) * 10, PERSON), (PERSON, (3,) * 10), ((3, 3), (3, 3)), ((4,), (4,))]
)
def test_who_always_says_the_same_agrees_with_nobody(judge: Sequence[float], person: Sequence[float]) -> None:
    found = agreement(judge, person)
    assert found.kappa == pytest.approx(0.0, abs=1e-9)
    assert (found.p_value, found.interval) == (1.0, None)
    assert not found.suffices(0.1)


def test_chance_is_the_share_of_orders_that_agree_as_well() -> None:
    person, judge = (1, 2, 4, 5, 3), (1, 2, 5, 4, 3)
    kappa = agreement(judge, person).kappa
    orders = [agreement(judge, order).kappa for order in itertools.permutations(person)]
    exact = np.mean([each >= kappa - 1e-9 for each in orders])
    assert agreement(judge, person).p_value == pytest.approx(exact, abs=0.01)


def test_three_rows_are_never_enough() -> None:
    assert not agreement((1, 3, 5), (1, 3, 5)).suffices(0.4)  # one order of six
    assert agreement(PERSON, PERSON).suffices(0.4)


def test_bias_is_how_much_kinder_the_judge_is() -> None:
    found = agreement([min(5, grade + 1) for grade in PERSON], PERSON)
    assert found.bias == pytest.approx(0.8)
    assert found.bias_interval is not None
    assert found.bias_interval[0] < 0.8 < found.bias_interval[1]
    assert agreement((3,), (4,)).bias_interval is None


def test_ranks_correlate_as_scipy_has_it() -> None:
    one, other = (0.1, 0.4, 0.2, 0.9, 0.4), (10, 80, 30, 60, 90)
    found = rank_correlation(one, other)
    assert found is not None
    assert found.value == pytest.approx(spearmanr(one, other)[0])
    assert -1 < found.interval[0] < found.value < found.interval[1] < 1
    straight = rank_correlation((1, 2, 3, 4), (1, 2, 3, 4))
    assert straight is not None
    assert straight.value == pytest.approx(1)


@pytest.mark.parametrize("pairs", [([], []), ([1, 2, 3], [1, 2, 3]), ([1] * 5, [1, 2, 3, 4, 5])])
def test_too_few_pairs_or_all_alike_have_no_correlation(pairs: tuple[list[float], list[float]]) -> None:
    assert rank_correlation(*pairs) is None


@pytest.mark.parametrize(
    ("correlation", "kinder", "wider"), [(0.9, 0.0, 1.0), (0.8, 0.5, 1.4), (0.5, 0.0, 0.6)]
)
def test_19_of_20_intervals_hold_the_agreement(
    correlation: float, kinder: float, wider: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opro_local.evidence.agreement.PERMUTATIONS", 1)  # no p-value is looked at
    draw = np.random.default_rng(0)
    truth = 2 * correlation * wider / (1 + wider**2 + kinder**2)
    held, runs = 0, 500
    for _ in range(runs):
        one, other = draw.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=20).T
        found = agreement(kinder + wider * one, other).interval
        assert found is not None
        held += found[0] <= truth <= found[1]
    assert 0.92 < held / runs < 0.98


def test_an_agreement_without_fault_has_an_interval_too() -> None:
    assert agreement(PERSON, PERSON).interval == pytest.approx((1, 1), abs=1e-6)
    assert agreement(PERSON[:3], PERSON[:3]).interval is None
