"""95 % intervals of what was measured on a sample of examples."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Interval = tuple[float, float]
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]

RESAMPLES = 1000


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval of a share (Wilson 1927); n is at least 1."""
    interval = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap(counts: NDArray[np.int64], statistic: Statistic, *, seed: int = 0) -> Interval:
    """Percentile bootstrap of a statistic that depends on how often each kind of observation occurs.

    counts (K) are the observations of each kind in the sample; statistic maps resampled counts (R, K) to (R).
    The same seed and counts give the same interval.
    """
    low, high = np.percentile(statistic(resampled(counts, RESAMPLES, seed=seed)), [2.5, 97.5])
    return float(low), float(high)


def of_draws(values: NDArray[np.float64], observed: float) -> Interval:
    """The middle 95 % of values drawn for what was measured (R), extended to the observed value.

    Smoothing draws away from the ends of the range, where an observed value may well be true (as of Jeffreys'
    interval: Brown, Cai and DasGupta 2001).
    """
    low, high = np.percentile(values, [2.5, 97.5])
    return min(float(low), observed), max(float(high), observed)


def resampled(counts: NDArray[np.int64], times: int, *, seed: int) -> NDArray[np.float64]:
    """Samples as large as the observed one, drawn from it: counts (K) -> (times, K), not to be written to."""
    return _resampled(tuple(counts.tolist()), times, seed)


@lru_cache(maxsize=4)
def _resampled(counts: tuple[int, ...], times: int, seed: int) -> NDArray[np.float64]:
    """Kept, as most of what is compared in turn are rows that each count once, and as many."""
    n = sum(counts)
    drawn = np.random.default_rng(seed).multinomial(n, np.array(counts) / n, size=times).astype(np.float64)
    drawn.flags.writeable = False
    return drawn
