"""Two candidates on the same examples: how far they are apart, and how sure that is.

Every figure is "ours against theirs" with the sign that makes a positive difference a gain. The p-values ask
one question each: a difference at least as good (as bad) as this one, how likely is it between equals?
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm, t

from opro_local.evidence.intervals import Interval

RESAMPLES = 2000
ROUNDING = 1e-9
"""Equal differences may differ by so much of the size of the figures."""
FEWEST_TO_DECIDE = 4
"""Where fewer examples, if they weighed the same, would spread as unevenly, few decide."""
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Ours against theirs on the same n examples.

    interval is the 95 % interval of difference, p_better and p_worse are one-sided; deviation is the standard
    deviation of what one example adds to the difference, from which follows how many examples would do. step
    is what a test of values in steps waits for beyond a normal one (its continuity correction): of right and
    wrong answers one example.
    few_decide: next to all of the deviation comes from a few examples, and others may have another.
    """

    n: int
    difference: float
    interval: Interval
    p_better: float
    p_worse: float
    deviation: float
    step: float = 1.0
    few_decide: bool = False

    def within(self, most: float) -> "Comparison":
        """The same where no difference can be larger than most, which a t interval does not know."""
        low, high = self.interval
        return replace(self, interval=(max(low, -most), min(high, most)))


def compare_correct(ours: Sequence[bool], theirs: Sequence[bool]) -> Comparison:
    """The difference of two accuracies by the exact McNemar test (1947)."""
    pairs = list(zip(ours, theirs, strict=True))
    gains, losses = (pairs.count(kind) for kind in ((True, False), (False, True)))
    n, discordant = len(pairs), gains + losses
    difference = (gains - losses) / n
    return Comparison(
        n=n,
        difference=difference,
        interval=_bonett_price(gains, losses, n),
        p_better=float(binom.sf(gains - 1, discordant, 0.5)),
        p_worse=float(binom.cdf(gains, discordant, 0.5)),
        deviation=math.sqrt(discordant / n - difference**2),
    )


def compare_exchanged(
    observed: float, *, error: float, freedom: int, exchanged: Values, n: int, size: float = 1.0
) -> Comparison:
    """The observed difference of two figures on n examples.

    error is its standard error with so many degrees of freedom: they give a t interval. exchanged (R) are
    differences after some examples, drawn by a coin, exchanged their two answers: how often they are as good
    (as bad) is the p-value of the approximate randomization test (Noreen 1989; for F1 Yeh 2000). Where they
    are those of all ways to exchange some, the test is exact. From their spread, which is that of the test,
    follows the deviation: of accuracy it is compare_correct's. The standard error of smoothed draws is wider,
    by 16 % for a kappa on 50 rows (scripts/simulate_verdict.md). size is that of the figures.
    """
    equal = ROUNDING * size
    squares = np.append(exchanged, observed) ** 2
    variance = float(squares.mean())  # of equals: an exchange of all rows turns the sign
    return Comparison(
        n=n,
        difference=observed,
        interval=_student(observed, error, freedom),
        p_better=_share(exchanged >= observed - equal),
        p_worse=_share(exchanged <= observed + equal),
        deviation=math.sqrt(max(0.0, n * variance - observed**2)),
        step=n * _half_step(exchanged, math.sqrt(variance), equal),
        few_decide=float((squares**2).mean()) < (3 - 2 / FEWEST_TO_DECIDE) * variance**2,
    )


def _half_step(values: Values, deviation: float, equal: float) -> float:
    """Half the distance of neighbouring values, were all as far apart; 0 where no two are the same.

    Two values of a normal density that is cut into steps are the same with chance step / (2 sqrt(pi) sd).
    """
    ordered = np.sort(values)
    ends = np.append(np.flatnonzero(np.diff(ordered) > equal) + 1, len(values))
    counts = np.diff(ends, prepend=0)
    pairs = max(len(values) * (len(values) - 1), 1)
    return math.sqrt(math.pi) * deviation * float((counts * (counts - 1)).sum()) / pairs


def _share(hits: NDArray[np.bool_]) -> float:
    """Of those that hold; the observed one is among them, so that it is never 0."""
    return float(1 + hits.sum()) / (1 + len(hits))


def _student(observed: float, error: float, freedom: int) -> Interval:
    """The 95 % t interval of a difference with its standard error (Student 1908)."""
    half = float(t.ppf(0.975, freedom)) * error
    return observed - half, observed + half


def _bonett_price(gains: int, losses: int, n: int) -> Interval:
    """Wald's interval with one gain and one loss more than were seen (Bonett and Price 2012)."""
    more, fewer = (gains + 1) / (n + 2), (losses + 1) / (n + 2)
    centre = more - fewer
    half = float(norm.ppf(0.975)) * math.sqrt((more + fewer - centre**2) / (n + 2))
    return max(-1.0, centre - half), min(1.0, centre + half)
