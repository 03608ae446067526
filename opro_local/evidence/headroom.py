"""Do instructions make a difference on a task at all? Asked of very different ones, before a search.

They answer the same rows, and some answer alike, so their scores differ by less than independent ones would.
The test takes a row as it is: if all instructions were equally good, those that do better on it could as well
have done worse. It compares the variance of the scores with what it is after random such turns of whole rows.
(Cochran's Q exchanges answers within a row instead; where instructions answer alike in groups, it finds a
difference where there is none two or three times as often as it states.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64] | NDArray[np.bool_]
"""From 0 to 1, or right and wrong."""
SIGNIFICANT = 0.05
LEAST_SPREAD = 0.02
"""With less between the best and the worst, no search is worth its time (arXiv 2604.14585)."""
DRAWS = 1999
ROUNDING = 1e-9
"""Fractions are not added up exactly; ties are to be ties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """Mean scores of different instructions on the same rows, from 0 to 1; measure names what they are of.

    lowest and highest are measured and hold noise; spread is their distance with the noise taken off.
    """

    instructions: int
    rows: int
    lowest: float
    highest: float
    spread: float
    p_value: float
    measure: str = "accuracy"

    @property
    def exists(self) -> bool:
        return self.p_value < SIGNIFICANT and self.spread > LEAST_SPREAD


def headroom(scores: Scores, *, measure: str = "accuracy", seed: int = 0) -> Headroom:
    """Compare instructions by their scores (M, n): of M >= 2 instructions on n rows, each from 0 to 1.

    The same scores and seed give the same result. Raises ValueError without rows.
    """
    if not scores.size:
        raise ValueError("no rows to compare instructions on")
    means = scores.mean(axis=1)  # (M,)
    lowest, highest = float(means.min()), float(means.max())
    return Headroom(
        instructions=scores.shape[0],
        rows=scores.shape[1],
        lowest=lowest,
        highest=highest,
        spread=(highest - lowest) * reliability(scores),
        p_value=_p_value(scores, np.random.default_rng(seed)),
        measure=measure,
    )


def reliability(scores: Scores) -> float:
    """The share of the scores' variance that is no noise, in [0, 1].

    From the analysis of variance, instructions by rows (Hoyt 1941). Scores shrunk by it towards their mean
    have the least expected error.
    """
    instructions, rows = scores.shape
    means = scores.mean(axis=1, keepdims=True)  # (M, 1)
    between = rows * float(means.var(ddof=1))
    residuals = scores - means - scores.mean(axis=0) + scores.mean()  # (M, n)
    # One row leaves no residuals; its p-value is 1.
    noise = float((residuals**2).sum()) / (instructions - 1) / max(1, rows - 1)
    return max(0.0, 1 - noise / between) if between else 0.0


def _p_value(scores: Scores, draw: np.random.Generator) -> float:
    """How often random sign flips of whole rows spread the scores as far."""
    instructions, rows = scores.shape
    deviations = instructions * scores - scores.sum(axis=0)  # (M, n), whole numbers where scores are 0 or 1
    signs = draw.choice(np.array([-1, 1]), size=(DRAWS, rows))
    flipped = ((signs @ deviations.T) ** 2).sum(axis=1)  # (DRAWS,)
    observed = (deviations.sum(axis=1) ** 2).sum()
    return float(1 + (flipped >= observed - ROUNDING).sum()) / (1 + DRAWS)
