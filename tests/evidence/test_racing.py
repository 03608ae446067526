from itertools import combinations
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from opro_local.evidence.racing import has_lost, rank_agreement

Array = NDArray[np.float64]


def rows_of(*, won: int = 0, drawn: int = 0, lost: int = 0) -> Array:
    return np.array([1.0] * won + [0.0] * drawn + [-1.0] * lost)


def dropped(differences: Array, *, block: int, alpha: float) -> bool:
    """Whether a candidate with these differences on all rows leaves before the last one."""
    rows = len(differences)
    return any(has_lost(differences[:end], rows=rows, alpha=alpha) for end in range(block, rows, block))


def test_one_race_by_hand() -> None:
    # Of the 70 orders of four won and four lost rows 8 = C(8, 7) reach a lead of three lost rows and
    # 28 = C(8, 6) one of two.
    for won in (0, 1):
        lost = won + 3
        assert has_lost(rows_of(won=won, lost=lost), rows=8, alpha=8 / 70)
        assert not has_lost(rows_of(won=won, lost=lost), rows=8, alpha=8 / 71)
        assert has_lost(rows_of(won=won, lost=won + 2), rows=8, alpha=28 / 70)
        assert not has_lost(rows_of(won=won, lost=won + 2), rows=8, alpha=28 / 71)


@pytest.mark.parametrize(("rows", "alpha", "lead"), [(10, 0.2, 3), (10, 0.05, 4), (11, 0.2, 3), (12, 0.1, 4)])
def test_of_all_orders_of_a_level_race_as_many_are_dropped_as_reach_the_lead(
    rows: int, alpha: float, lead: int
) -> None:
    # With an odd number of rows the nearest to level is one row ahead.
    found = []
    for lost in combinations(range(rows), rows // 2):
        differences = np.ones(rows)
        differences[list(lost)] = -1.0
        reached = bool((-differences.cumsum()).max() >= lead)
        assert dropped(differences, block=1, alpha=alpha) == reached
        found.append(reached)
    assert np.mean(found) <= alpha


@pytest.mark.parametrize("block", [8, 16])
@pytest.mark.parametrize(("won", "drawn"), [(4, 40), (8, 32), (16, 16), (24, 0)])
def test_a_candidate_that_ends_level_is_seldom_dropped(won: int, drawn: int, block: int) -> None:
    differences = rows_of(won=won, drawn=drawn, lost=won)
    generator = np.random.default_rng(won)
    orders = [generator.permutation(differences) for _ in range(500)]
    assert np.mean([dropped(order, block=block, alpha=0.2) for order in orders]) <= 0.2


def test_rows_to_come_are_taken_to_be_drawn_as_often_as_those_seen() -> None:
    # 3 of 15 are decided, so 3 + 20 * 4 / 16 = 8 of all 35, where a lead of three has 8 of 70 orders.
    assert has_lost(rows_of(drawn=12, lost=3), rows=35, alpha=8 / 70)
    assert not has_lost(rows_of(drawn=12, lost=3), rows=35, alpha=8 / 71)
    assert not has_lost(rows_of(drawn=12, lost=3), rows=40, alpha=8 / 70)


def test_a_candidate_that_leads_stays() -> None:
    assert not has_lost(rows_of(won=16), rows=48, alpha=0.9)
    assert not has_lost(rows_of(won=8, lost=8), rows=48, alpha=0.9)


def test_with_all_rows_scored_there_is_nothing_left_to_leave() -> None:
    assert not has_lost(rows_of(lost=48), rows=48, alpha=0.2)
    assert has_lost(rows_of(lost=47), rows=48, alpha=0.2)


def test_a_race_may_be_long() -> None:
    # Of 5000 decided rows the lead is about sqrt(ln(5) * 5000 / 2) = 63.4.
    assert has_lost(rows_of(won=468, lost=532), rows=5000, alpha=0.2)
    assert not has_lost(rows_of(won=469, lost=531), rows=5000, alpha=0.2)


def test_of_real_values_only_the_sign_counts() -> None:
    scale = np.random.default_rng(0).exponential(size=16)
    for lost in range(17):
        differences = rows_of(won=16 - lost, lost=lost)
        found = {has_lost(values, rows=48, alpha=0.2) for values in (differences, differences * scale)}
        assert len(found) == 1


def test_a_stricter_rate_asks_for_a_larger_lead() -> None:
    def lead(alpha: float) -> int:
        return next(lost for lost in range(48) if has_lost(rows_of(lost=lost), rows=48, alpha=alpha))

    assert [lead(alpha) for alpha in (0.3, 0.2, 0.01)] == sorted(lead(alpha) for alpha in (0.3, 0.2, 0.01))
    # All 48 decided: the smallest lead with C(48, 24 + lead) / C(48, 24) <= .2
    assert comb(48, 24 + lead(0.2)) <= 0.2 * comb(48, 24) < comb(48, 23 + lead(0.2))


def test_rank_agreement_by_hand() -> None:
    assert rank_agreement([0.1, 0.2, 0.3], [-3.0, -2.0, -1.0]) == pytest.approx(1.0)
    assert rank_agreement([0.1, 0.2, 0.3], [-1.0, -2.0, -3.0]) == pytest.approx(-1.0)
    # Six pairs, one of them tied in the scores; of the other five four agree: (4 - 1) / sqrt(5 * 6)
    assert rank_agreement([0.1, 0.1, 0.2, 0.3], [1.0, 2.0, 4.0, 3.0]) == pytest.approx(3 / 30**0.5)


def test_what_has_no_order_agrees_with_nothing() -> None:
    assert rank_agreement([0.5, 0.5, 0.5], [1.0, 2.0, 3.0]) is None
    assert rank_agreement([0.5], [1.0]) is None
    assert rank_agreement([], []) is None
