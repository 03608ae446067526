"""Whether instructions differ by more than noise: exact values for small tables, error rates for many."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from opro_local.evidence.headroom import DRAWS, Headroom, headroom, reliability

Answers = NDArray[np.bool_]


def table(*lines: str) -> Answers:
    """A line of 0 and 1 for each instruction, a column for each row."""
    return np.array([[character == "1" for character in line] for line in lines])


def exact_p_value(correct: Answers) -> float:
    """Over all sign flips of whole rows, each as likely as the others."""
    deviations = correct - correct.mean(axis=0)
    flips = [(deviations * signs).sum(axis=1) for signs in product((-1, 1), repeat=correct.shape[1])]
    spreads = np.array([(sums**2).sum() for sums in flips])
    return float((spreads >= (deviations.sum(axis=1) ** 2).sum() - 1e-9).mean())


@pytest.mark.parametrize(
    "lines",
    [
        ("11111111", "00000000"),  # 2 of 256 flips are as far: all, none
        ("11111101", "00000010"),
        ("110110011", "010110001", "000100001"),
        ("10101010", "01010101"),
    ],
)
def test_the_p_value_is_that_of_all_sign_flips(lines: tuple[str, ...]) -> None:
    correct = table(*lines)
    expected = exact_p_value(correct)
    margin = 4 * (expected * (1 - expected) / DRAWS) ** 0.5 + 1 / DRAWS  # four standard errors
    assert headroom(correct).p_value == pytest.approx(expected, abs=margin)


def test_instructions_that_answer_alike_leave_no_headroom() -> None:
    found = headroom(table("1100", "1100", "1100"))
    assert found == Headroom(instructions=3, rows=4, lowest=0.5, highest=0.5, spread=0.0, p_value=1.0)
    assert not found.exists


def test_one_row_proves_nothing() -> None:
    assert headroom(table("1", "0", "1")).p_value == 1.0
    assert not headroom(table("1", "0", "1")).exists


def test_the_share_that_is_no_noise() -> None:
    # Scores 3/4, 1/4, 1/4: variance 1/12, times 4 rows 1/3. The residuals are, in sixths, 0 2 0 -2, -3 -1 3 1
    # and 3 -1 -3 1; their squares sum to 4/3, over 2 * 3 degrees of freedom 2/9. Two thirds are noise.
    assert reliability(table("1110", "0010", "1000")) == pytest.approx(1 / 3)


def test_the_spread_is_what_is_left_of_the_distance_without_noise() -> None:
    correct = table("1111111110", "1111100000", "0000000000")
    found = headroom(correct)
    assert (found.lowest, found.highest) == (0.0, 0.9)
    assert found.spread == pytest.approx(0.9 * reliability(correct))
    assert 0.6 < found.spread < 0.9
    assert found.exists


def test_a_sure_but_tiny_difference_is_no_headroom() -> None:
    tiny = Headroom(instructions=16, rows=5000, lowest=0.50, highest=0.52, spread=0.015, p_value=0.001)
    assert not tiny.exists


def test_the_same_answers_give_the_same_result() -> None:
    correct = np.random.default_rng(3).random((16, 32)) < 0.5
    assert headroom(correct) == headroom(correct)


def simulated(draw: np.random.Generator, scores: NDArray[np.float64], *, groups: int, rows: int) -> Answers:
    """Answers of instructions with these true scores; rows are hard for all, and in their way for a group."""
    count = len(scores)
    hard = draw.standard_normal((1, rows))
    for_group = np.repeat(draw.standard_normal((groups, rows)), count // groups, axis=0)
    own = draw.standard_normal((count, rows))
    ability: NDArray[np.float64] = norm.ppf(scores)[:, None]
    return np.asarray(0.4**0.5 * hard + 0.5**0.5 * for_group + 0.1**0.5 * own < ability)


@pytest.mark.parametrize("groups", [4, 16])
def test_equal_instructions_are_seldom_told_apart_even_where_groups_answer_alike(groups: int) -> None:
    draw = np.random.default_rng(groups)
    tables = (simulated(draw, np.full(16, 0.6), groups=groups, rows=32) for _ in range(300))
    # 5 % of 300 and three standard errors; exchanges within rows find some 12 % with 4 groups.
    assert sum(headroom(correct).exists for correct in tables) <= 26


def test_instructions_that_lie_far_apart_are_told_apart() -> None:
    draw = np.random.default_rng(0)
    scores = np.linspace(0.3, 0.8, 16)  # a standard deviation of 15 points
    tables = (simulated(draw, scores, groups=4, rows=32) for _ in range(50))
    assert sum(headroom(correct).exists for correct in tables) >= 45
