"""Made-up right and wrong answers of prompts whose accuracy is known.

All prompts share the rows, and some rows are hard for all of them: behind every answer stands a normal
number, part of it the row's own (a probit model).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

SHARED = 0.5
"""The row's part of the variance; of two prompts with accuracy .6 the answers then correlate by .33."""


def right_answers(
    accuracies: NDArray[np.float64], rows: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Which of the rows each prompt answers right: (K) -> (K, rows)."""
    chances = _chances(accuracies, generator.standard_normal(rows))
    right: NDArray[np.bool_] = generator.random((len(accuracies), rows), dtype=np.float32) < chances
    return right


def discordance(ours: float, theirs: float) -> float:
    """The share of rows that only one of two prompts with these accuracies answers right."""
    hardness = ndtri((np.arange(10_000) + 0.5) / 10_000)
    first, second = _chances(np.array([ours, theirs]), hardness)
    return float(np.mean(first * (1 - second) + second * (1 - first)))


def _chances(accuracies: NDArray[np.float64], hardness: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K), (N) -> (K, N); where all accuracies are equal, (1, N), which is the same for less work."""
    different = accuracies[:1] if np.ptp(accuracies) == 0 else accuracies
    shifted = ndtri(different)[:, np.newaxis] - math.sqrt(SHARED) * hardness
    chances: NDArray[np.float64] = ndtr(shifted / math.sqrt(1 - SHARED))
    return chances
