"""How far a judge's grades agree with a person's, and whether length alone tells what it says.

kappa is Cohen's with quadratic weights: 1 less the mean squared distance of the two grades over what it would
be between unrelated ones. Between the steps of the scale it goes on as Lin's concordance correlation
coefficient (1989), which for whole grades is the same (Krippendorff 1970).

A judge is taken only where kappa reaches a least value and chance would seldom come as far: by a permutation
test, which holds for any number of rows. So a judge that tosses coins is refused 19 times of 20, however few
rows a person graded; scripts/simulate_judge.py shows it.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, t

from opro_local.evidence.intervals import Interval, bootstrap
from opro_local.evidence.judge_record import Agreement, Correlation

PERMUTATIONS = 9999
ROUNDING = 1e-9
FEWEST_FOR_RANKS = 4

Array = NDArray[np.float64]


def agreement(judge: Sequence[float], person: Sequence[float], *, seed: int = 0) -> Agreement:
    """Grades of the same replies, in the same order; at least one."""
    said, right = np.asarray(judge, dtype=np.float64), np.asarray(person, dtype=np.float64)
    moments = np.stack([said, right, said**2, right**2, said * right], axis=1)
    ones = np.ones(len(said), dtype=np.int64)
    return Agreement(
        n=len(said),
        kappa=float(_kappas(ones[np.newaxis] @ moments / len(said))[0]),
        interval=bootstrap(ones, lambda counts: _kappas(counts @ moments / len(said)), seed=seed)
        if said.std() and right.std()
        else None,
        p_value=_by_chance(said, right, seed),
        bias=float((said - right).mean()),
        bias_interval=_student(said - right),
    )


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> Correlation | None:
    """With Fisher's transformation and the variance of Bonett and Wright (2000); None for too few pairs.

    None, too, where all values of one side are the same.
    """
    n = len(one)
    if n < FEWEST_FOR_RANKS or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    value = float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
    centre = math.atanh(max(-1 + ROUNDING, min(1 - ROUNDING, value)))
    half = float(norm.ppf(0.975)) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Correlation(n=n, value=value, interval=(math.tanh(centre - half), math.tanh(centre + half)))


def _kappas(means: Array) -> Array:
    """(R, 5) means of x, y, x^2, y^2 and xy -> (R); 0 where both are constant."""
    x, y, xx, yy, xy = means.T
    by_chance = xx + yy - 2 * x * y
    kappas: Array = 1 - (xx + yy - 2 * xy) / np.where(by_chance > ROUNDING, by_chance, np.inf)
    return np.where(by_chance > ROUNDING, kappas, 0.0)


def _by_chance(said: Array, right: Array, seed: int) -> float:
    """Among grades in another order kappa follows the sum of products; the real order is one of them."""
    draw = np.random.default_rng(seed)
    shuffled = draw.permuted(np.tile(right, (PERMUTATIONS, 1)), axis=1)
    hits = int((shuffled @ said >= said @ right - ROUNDING).sum())
    return (1 + hits) / (1 + PERMUTATIONS)


def _student(values: Array) -> Interval | None:
    """The 95 % t interval of a mean."""
    n = len(values)
    if n < 2:
        return None
    half = float(t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return float(values.mean()) - half, float(values.mean()) + half
