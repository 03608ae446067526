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

from opro_local.evidence.intervals import Interval
from opro_local.evidence.judge_record import Agreement, Correlation

PERMUTATIONS = 9999
ROUNDING = 1e-9
FEWEST = 4

Array = NDArray[np.float64]


def agreement(judge: Sequence[float], person: Sequence[float], *, seed: int = 0) -> Agreement:
    """Grades of the same replies, in the same order; at least one."""
    said, right = np.asarray(judge, dtype=np.float64), np.asarray(person, dtype=np.float64)
    kappa = _kappa(said, right)
    return Agreement(
        n=len(said),
        kappa=kappa,
        interval=_concordance_interval(said, right, kappa),
        p_value=_by_chance(said, right, seed),
        bias=float((said - right).mean()),
        bias_interval=_student(said - right),
    )


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> Correlation | None:
    """With Fisher's transformation and the variance of Bonett and Wright (2000); None for too few pairs.

    None, too, where all values of one side are the same.
    """
    n = len(one)
    if n < FEWEST or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    value = float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
    centre = math.atanh(_inside(value))
    half = float(norm.ppf(0.975)) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Correlation(n=n, value=value, interval=(math.tanh(centre - half), math.tanh(centre + half)))


def _kappa(said: Array, right: Array) -> float:
    """0 where both are constant."""
    by_chance = said.var() + right.var() + (said.mean() - right.mean()) ** 2
    return float(1 - ((said - right) ** 2).mean() / by_chance) if by_chance > ROUNDING else 0.0


def _concordance_interval(said: Array, right: Array, kappa: float) -> Interval | None:
    """The 95 % interval of Lin (1989; his variance as corrected in 2000), by Fisher's transformation.

    Student's t stands for the normal distribution, as the rows are few.
    """
    n, spread = len(said), float(said.std() * right.std())
    if n < FEWEST or spread <= ROUNDING:
        return None
    kappa = _inside(kappa)
    shift = float(said.mean() - right.mean()) ** 2 / spread
    ratio = float(said.std() / right.std())
    closeness = 2 / (ratio + 1 / ratio + shift)  # kappa over Pearson's correlation
    variance = (
        (1 - (kappa / closeness) ** 2) * closeness**2 * (1 - kappa**2)
        + 2 * closeness * kappa**2 * (1 - kappa) * shift
        - (closeness * kappa * shift) ** 2 / 2
    ) / (1 - kappa**2) ** 2
    half = float(t.ppf(0.975, n - 2)) * math.sqrt(max(variance, 0.0) / (n - 2))
    return math.tanh(math.atanh(kappa) - half), math.tanh(math.atanh(kappa) + half)


def _inside(value: float) -> float:
    """A correlation that Fisher's transformation takes."""
    return max(-1 + ROUNDING, min(1 - ROUNDING, value))


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
