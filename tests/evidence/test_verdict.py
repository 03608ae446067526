import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from opro_local.evidence.paired import Comparison, compare_correct
from opro_local.evidence.verdict import (
    expected_best,
    holm,
    luck_of_best,
    minimum_detectable_gain,
    power,
    rows_to_tell,
    verdicts,
)

SOME = Comparison(n=100, difference=0.05, interval=(-0.04, 0.14), p_better=0.2, p_worse=0.9, deviation=0.5)


def with_p(p_better: float, p_worse: float = 1.0, difference: float = 0.05) -> Comparison:
    return replace(SOME, p_better=p_better, p_worse=p_worse, difference=difference)


def test_holm_multiplies_the_smallest_by_all_and_never_goes_back() -> None:
    # .01 * 4; .02 * 3; .03 * 2 = .06; .04 * 1 = .04, but not below the one before
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_comparison_is_not_corrected() -> None:
    better, worse, neither = (
        verdicts([found])[0] for found in (with_p(0.05), with_p(0.97, 0.05, -0.1), with_p(0.0501))
    )
    assert (better.word, better.adjusted_p) == ("better", 0.05)
    assert (worse.word, worse.adjusted_p) == ("worse", 0.05)
    assert (neither.word, neither.adjusted_p) == ("no evidence of a gain", 0.0501)


def test_among_three_comparisons_more_evidence_is_asked_for() -> None:
    found = verdicts([with_p(0.02), with_p(0.016), with_p(0.3)])
    assert [verdict.word for verdict in found] == ["better", "better", "no evidence of a gain"]
    assert [verdict.adjusted_p for verdict in found] == pytest.approx([0.048, 0.048, 0.3])
    found = verdicts([with_p(0.02), with_p(0.02), with_p(0.3)])
    assert {verdict.word for verdict in found} == {"no evidence of a gain"}


def test_better_and_worse_are_corrected_apart() -> None:
    found = verdicts([with_p(0.001), with_p(0.99, 0.02, -0.2)])
    assert [verdict.word for verdict in found] == ["better", "worse"]
    assert found[1].adjusted_p == pytest.approx(0.04)


def test_the_strictness_can_be_chosen() -> None:
    assert verdicts([with_p(0.03)], alpha=0.02)[0].word == "no evidence of a gain"


def test_nothing_compared_says_nothing() -> None:
    assert verdicts([]) == []


def test_rows_that_would_settle_it_are_given_only_for_a_gain_that_is_open() -> None:
    settled = [
        verdicts([found])[0].n_to_settle
        for found in (with_p(0.01), with_p(0.5, 0.5, 0.0), with_p(0.9, 0.1, -0.05), with_p(1.0, 0.01, -0.2))
    ]
    assert settled == [None] * 4
    n = verdicts([SOME])[0].n_to_settle
    assert n is not None and n > SOME.n


def test_rows_that_settle_it_by_hand() -> None:
    # sd between equals sqrt(.25 + .0025) = .502494; 1.644854 * .502494 + .841621 * .5 = 1.247340
    # .05 n - 1.247340 sqrt(n) - 1 = 0 -> sqrt(n) = 25.7243
    assert rows_to_tell(SOME) == math.ceil(25.7243**2) == 662


def test_with_more_comparisons_more_rows_settle_it() -> None:
    alone, beside = verdicts([SOME])[0].n_to_settle, verdicts([SOME, SOME])[0].n_to_settle
    assert alone == rows_to_tell(SOME)
    assert beside == rows_to_tell(SOME, alpha=0.025) > rows_to_tell(SOME)


@pytest.mark.parametrize(("gain", "discordant"), [(0.05, 0.2), (0.1, 0.3), (0.2, 0.3), (0.3, 0.5)])
def test_that_many_rows_tell_the_gain_in_four_of_five_cases(gain: float, discordant: float) -> None:
    seen = replace(SOME, difference=gain, deviation=math.sqrt(discordant - gain**2))
    assert power(rows_to_tell(seen), gain, discordant=discordant) == pytest.approx(0.8, abs=0.05)


def test_the_power_is_that_of_all_outcomes_of_six_rows() -> None:
    gain, loss = 0.5, 0.1
    chances = {1: gain, -1: loss, 0: 1 - gain - loss}
    told = 0.0
    for rows in product(chances, repeat=6):
        gains, losses = rows.count(1), rows.count(-1)
        ours = [True] * gains + [False] * losses + [True] * rows.count(0)
        theirs = [False] * gains + [True] * losses + [True] * rows.count(0)
        if compare_correct(ours, theirs).p_better <= 0.05:
            told += math.prod(chances[row] for row in rows)
    assert power(6, gain - loss, discordant=gain + loss) == pytest.approx(told)


def test_without_a_gain_the_power_is_the_error() -> None:
    assert 0.02 < power(100, 0.0, discordant=0.3) <= 0.05
    assert power(4, 0.5, discordant=0.5) == 0.0  # four gains of four still have p = .0625


def test_more_rows_tell_smaller_gains() -> None:
    gains = [minimum_detectable_gain(n) for n in (25, 100, 400, 1000)]
    assert gains == sorted(gains, reverse=True)
    assert minimum_detectable_gain(4) == math.inf


def test_the_smallest_gain_is_told_in_four_of_five_cases_and_a_point_less_is_not() -> None:
    gain = minimum_detectable_gain(40)
    assert power(40, gain, discordant=0.3) >= 0.8 > power(40, gain - 0.01, discordant=0.3)


def test_a_large_gain_counts_its_own_discordance() -> None:
    gain = minimum_detectable_gain(8)
    assert 0.3 < gain < 1
    assert power(8, gain, discordant=gain) >= 0.8


@pytest.mark.parametrize(
    ("value", "n", "candidates", "best"),
    [
        # The expected best among equally good prompts, in points of a hundred.
        (0.5, 50, 8, 60.0),
        (0.5, 50, 80, 67.0),
        (0.5, 50, 200, 69.2),
        (0.5, 50, 1600, 73.4),
        (0.5, 261, 8, 54.4),
        (0.5, 261, 80, 57.5),
        (0.5, 261, 200, 58.5),
        (0.5, 261, 1600, 60.4),
        (0.7, 50, 8, 79.0),
        (0.7, 50, 80, 84.9),
        (0.7, 50, 200, 86.6),
        (0.7, 50, 1600, 89.9),
        (0.7, 261, 8, 74.0),
        (0.7, 261, 80, 76.7),
        (0.7, 261, 200, 77.6),
        (0.7, 261, 1600, 79.3),
    ],
)
def test_the_best_of_equals_shows_more_than_the_truth(
    value: float, n: int, candidates: int, best: float
) -> None:
    assert 100 * expected_best(candidates, rates=np.full(n, value)) == pytest.approx(best, abs=0.051)


def test_the_best_of_two_on_two_rows_by_hand() -> None:
    # of 16 outcomes the best is 0 once, 1 in 8, 2 in 7: (8 + 14) / 16 / 2
    assert expected_best(2, rates=np.full(2, 0.5)) == pytest.approx(22 / 32)
    assert expected_best(1, rates=np.full(10, 0.3)) == pytest.approx(0.3)
    # One row always right, one a coin: of two candidates the best has both in 3 of 4 cases.
    assert expected_best(2, rates=np.array([1.0, 0.5])) == pytest.approx((3 * 1 + 1 * 0.5) / 4)


def test_the_expected_best_is_the_mean_of_draws() -> None:
    drawn = binom.rvs(20, 0.4, size=(20_000, 12), random_state=np.random.default_rng(3)).max(axis=1) / 20
    assert expected_best(12, rates=np.full(20, 0.4)) == pytest.approx(drawn.mean(), abs=0.003)


HALF_EASY = np.repeat([0.95, 0.05], 24)


def test_easy_and_hard_rows_leave_luck_less_room() -> None:
    """Half the rows easy, half hard: coins of the mean rate would show .67, the best of 80 shows .58."""
    coins = expected_best(80, rates=np.full(48, 0.5))
    assert coins == pytest.approx(0.674, abs=0.005)
    generator = np.random.default_rng(2)
    shown = (generator.random((2000, 80, 48)) < HALF_EASY).mean(axis=2).max(axis=1)
    assert expected_best(80, rates=HALF_EASY) == pytest.approx(shown.mean(), abs=0.002)
    assert expected_best(80, rates=HALF_EASY) < coins - 0.09


@pytest.mark.parametrize("candidates", [5, 20, 80])
def test_the_luck_of_the_best_is_found_from_the_answers_themselves(candidates: int) -> None:
    generator = np.random.default_rng(candidates)
    drawn = generator.random((200, candidates, 48)) < HALF_EASY
    found = [luck_of_best(correct) for correct in drawn]
    assert np.mean(found) == pytest.approx(expected_best(candidates, rates=HALF_EASY) - 0.5, rel=0.05)


def test_one_candidate_has_no_luck_and_answers_that_are_all_the_same_have_none() -> None:
    assert luck_of_best(np.array([[True, False]])) == 0.0
    assert luck_of_best(np.tile([True, False, True], (9, 1))) == pytest.approx(0.0)
