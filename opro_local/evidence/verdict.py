"""What comparisons say in words when several are made, and what a number of test rows can tell.

"better" and "worse" hold with their stated error over all comparisons of a run together (Holm 1979), each
word for itself; between them lies "no evidence of a gain", with the number of rows that would settle it. The
words follow one-sided tests: "better" can stand beside a 95 % interval, which is two-sided, that just reaches
below 0. All this holds for rows that had no part in the choice of the winner.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from opro_local.evidence.paired import Comparison

Word = Literal["better", "no evidence of a gain", "worse"]

ALPHA = 0.05
"""How often the best of equals may be called better (or worse) than any of the others."""
TOLD = 0.8
"""A gain counts as within reach when it is told in four of five cases."""
DISCORDANT = 0.3
"""Share of rows that only one of two prompts answers right, where nothing is known: that of two accuracies of
.6 whose answers correlate by .4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A comparison in words, beside all others that were made.

    adjusted_p is the one-sided p-value of "worse" where that is the word and else of "better", corrected for
    the number of comparisons. n_to_settle is there where a gain was seen that too few rows bear out, unless
    few of them decide it.
    """

    word: Word
    comparison: Comparison
    adjusted_p: float
    n_to_settle: int | None


def verdicts(comparisons: Sequence[Comparison], *, alpha: float = ALPHA) -> list[Verdict]:
    """One verdict a comparison, in order."""
    better = holm([comparison.p_better for comparison in comparisons])
    worse = holm([comparison.p_worse for comparison in comparisons])
    words = [_word(*p_values, alpha=alpha) for p_values in zip(better, worse, strict=True)]
    return [
        Verdict(
            word=word,
            comparison=comparison,
            adjusted_p=p_worse if word == "worse" else p_better,
            n_to_settle=_n_to_settle(word, comparison, alpha=alpha / len(comparisons)),
        )
        for word, comparison, p_better, p_worse in zip(words, comparisons, better, worse, strict=True)
    ]


def _word(p_better: float, p_worse: float, *, alpha: float) -> Word:
    if p_better <= alpha:
        return "better"
    return "worse" if p_worse <= alpha else "no evidence of a gain"


def _n_to_settle(word: Word, comparison: Comparison, *, alpha: float) -> int | None:
    if word != "no evidence of a gain" or comparison.difference <= 0 or comparison.few_decide:
        return None
    return rows_to_tell(comparison, alpha=alpha)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979): the smallest n times, the next n - 1 times, ..."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    ascending = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected: list[float] = np.minimum(ascending, 1.0)[np.argsort(order)].tolist()
    return corrected


def rows_to_tell(comparison: Comparison, *, alpha: float = ALPHA) -> int:
    """About how many rows tell a gain of the observed size in four of five cases; the difference is positive.

    Normal power of the paired test (Miettinen 1968) with a continuity correction.
    """
    gain = comparison.difference
    # Between equals the same disagreement has no mean to take off.
    between_equals = math.hypot(comparison.deviation, gain)
    spread = float(norm.isf(alpha)) * between_equals + float(norm.ppf(TOLD)) * comparison.deviation
    # The root of gain * n - spread * sqrt(n) - step = 0.
    root = (spread + math.sqrt(spread**2 + 4 * gain * comparison.step)) / (2 * gain)
    return math.ceil(root**2)


def power_to_tell(comparison: Comparison, n: int, *, alpha: float = ALPHA) -> float:
    """The chance that n rows tell a gain of the observed size: what rows_to_tell asks to be TOLD."""
    gain = comparison.difference
    limit = float(norm.isf(alpha)) * math.hypot(comparison.deviation, gain)
    beyond = gain * n - comparison.step - limit * math.sqrt(n)
    return float(norm.cdf(beyond / (comparison.deviation * math.sqrt(n))))


def power(n: int, gain: float, *, discordant: float = DISCORDANT, alpha: float = ALPHA) -> float:
    """The chance that n rows tell a true gain in accuracy: of the exact McNemar test at the level alpha.

    discordant is the share of rows that only one of the two answers right, at least as large as the gain.
    """
    counts = np.arange(1, n + 1)  # without a discordant row nothing is told
    fails = binom.isf(alpha, counts, 0.5)  # the most gains that are not enough
    told = binom.sf(fails, counts, (1 + gain / discordant) / 2)
    return float(binom.pmf(counts, n, discordant) @ told)


def minimum_detectable_gain(n: int, *, discordant: float = DISCORDANT, alpha: float = ALPHA) -> float:
    """The smallest gain in accuracy, in steps of a point, that n rows tell in four of five cases.

    Infinite where there is none.
    """
    points = bisect_left(
        range(101),
        TOLD,
        lo=1,
        key=lambda point: power(n, point / 100, discordant=max(discordant, point / 100), alpha=alpha),
    )
    return points / 100 if points <= 100 else math.inf


def expected_best(candidates: int, *, rates: NDArray[np.float64]) -> float:
    """The best accuracy that so many equal candidates are expected to show on the same rows.

    rates (n) are the chances that a row is answered right, by each candidate on its own: some rows are easy
    for all and some hard for all, which leaves luck less room than n coins of the mean rate have. The number
    of right rows is distributed as a sum of unequal coins (Poisson binomial, Wang 1993).
    """
    chances = np.ones(1)  # of 0, 1, ... right rows
    for rate in rates:
        chances = np.convolve(chances, (1 - rate, rate))
    at_most = np.minimum(np.cumsum(chances)[:-1], 1.0)
    return float(np.sum(1 - at_most**candidates)) / len(rates)


def luck_of_best(correct: NDArray[np.bool_]) -> float:
    """What the best of equal candidates is expected to show beyond their mean; correct is (M, n).

    Each row is right as often as the M candidates were right on it. Such rates lie too near 0 and 1: their
    p (1 - p) is (M - 1) / M of what it should be, and luck goes with its root.
    """
    candidates = len(correct)
    if candidates < 2:
        return 0.0
    rates = correct.mean(axis=0)
    excess = expected_best(candidates, rates=rates) - float(rates.mean())
    return excess * math.sqrt(candidates / (candidates - 1))
