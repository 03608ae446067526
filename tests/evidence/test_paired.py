import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from opro_local.evidence.paired import Comparison, compare_correct


def of_counts(gains: int, losses: int, n: int) -> Comparison:
    """Ours and theirs with so many gains and losses; of the other rows both are right on every second one."""
    rest = [number % 2 == 0 for number in range(n - gains - losses)]
    return compare_correct([True] * gains + [False] * losses + rest, [False] * gains + [True] * losses + rest)


def test_three_gains_and_one_loss_among_ten_rows() -> None:
    found = of_counts(3, 1, 10)
    assert found.n == 10
    assert found.difference == pytest.approx(0.2)
    assert found.p_better == pytest.approx((4 + 1) / 16)  # 3 or 4 heads of 4
    assert found.p_worse == pytest.approx(15 / 16)
    assert found.deviation == pytest.approx(math.sqrt(0.4 - 0.04))
    # Bonett and Price: 4/12 - 2/12 and z * sqrt((4/12 + 2/12 - (2/12)^2) / 12)
    half = 1.959964 * math.sqrt((0.5 - 1 / 36) / 12)
    assert found.interval == pytest.approx((1 / 6 - half, 1 / 6 + half), abs=1e-6)


def test_the_p_values_are_those_of_all_patterns_of_discordant_rows() -> None:
    for discordant in range(7):
        patterns = [sum(signs) for signs in product([1, -1], repeat=discordant)]
        for gains in range(discordant + 1):
            difference = 2 * gains - discordant
            found = of_counts(gains, discordant - gains, 9)
            assert found.p_better == pytest.approx(np.mean([seen >= difference for seen in patterns]))
            assert found.p_worse == pytest.approx(np.mean([seen <= difference for seen in patterns]))


def test_the_p_values_are_scipys_of_a_fair_coin() -> None:
    found = of_counts(17, 6, 60)
    assert found.p_better == pytest.approx(binomtest(17, 23, 0.5, alternative="greater").pvalue)
    assert found.p_worse == pytest.approx(binomtest(17, 23, 0.5, alternative="less").pvalue)


def test_equal_answers_are_no_evidence_either_way() -> None:
    found = of_counts(0, 0, 20)
    assert (found.difference, found.p_better, found.p_worse, found.deviation) == (0.0, 1.0, 1.0, 0.0)
    low, high = found.interval
    assert low == -high and 0 < high < 0.15


def test_turned_round_the_comparison_changes_its_sign() -> None:
    there, back = of_counts(5, 2, 20), of_counts(2, 5, 20)
    assert back.difference == -there.difference
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert (back.p_better, back.p_worse) == pytest.approx((there.p_worse, there.p_better))


def test_the_interval_stays_within_what_is_possible() -> None:
    assert of_counts(3, 0, 3).interval[1] == 1.0
    assert of_counts(0, 3, 3).interval[0] == -1.0


def test_answers_to_different_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare_correct([True, False], [True])


def outcomes_of(n: int) -> Iterator[tuple[int, int]]:
    yield from ((gains, losses) for gains in range(n + 1) for losses in range(n + 1 - gains))


@pytest.mark.parametrize(
    ("n", "discordant", "difference"),
    [(20, 0.3, 0.0), (20, 0.5, 0.2), (50, 0.1, 0.05), (50, 0.3, 0.1), (50, 0.6, 0.6), (100, 0.3, 0.0)],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    n: int, discordant: float, difference: float
) -> None:
    gain, loss = (discordant + difference) / 2, (discordant - difference) / 2
    covered = 0.0
    for gains, losses in outcomes_of(n):
        chance = binom.pmf(gains, n, gain) * binom.pmf(losses, n - gains, loss / (1 - gain))
        if chance > 1e-9:
            low, high = of_counts(gains, losses, n).interval
            covered += chance * (low <= difference <= high)
    assert 0.93 <= covered <= 0.98
