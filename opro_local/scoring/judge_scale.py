"""From a judge's log-probabilities of the grades to a person's scale.

A small model likes some grades whatever it reads, and spreads its belief over neighbours: its expected grades
keep to the middle though their order is right. So each grade's mean log-probability is subtracted, as batch
calibration does (Zhou et al. 2023), and two numbers are fitted on replies that a person graded, by least
squares: how sharp the judge is made, and how kind. Weak pulls to 1 and 0 keep them finite.

Whoever measures the judge by the same replies has to hold each out of the fit: held_out does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import softmax

from opro_local.tasks.graded_replies import GRADES

FOLDS = 5
FEWEST = 4
"""Fewer replies fit nothing."""
PULL = 0.1
LIMITS = ((-3.0, -4.0), (4.0, 4.0))
"""Of the logarithm of sharpness, and of kindness (nats a grade)."""
VALUES = np.array(GRADES, dtype=np.float64)
MIDDLE = float(VALUES.mean())

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """sharpness multiplies a log-probability, then the grade's bias (nats) is added."""

    sharpness: float = 1.0
    biases: tuple[float, ...] = (0.0,) * len(GRADES)

    def grades(self, log_probs: Array) -> Array:
        """(N, G) log-probabilities -> (N) expected grades."""
        expected: Array = softmax(self.sharpness * log_probs + np.array(self.biases), axis=1) @ VALUES
        return expected


PLAIN = Scale()


def fitted(log_probs: Array, person: Sequence[float]) -> Scale:
    """log_probs (N, G) of replies that a person graded; too few, or all graded alike, leave it as it is."""
    right = np.asarray(person, dtype=np.float64)
    if len(right) < FEWEST or not right.std():
        return PLAIN
    liking = log_probs.mean(axis=0)

    def scale(numbers: Array) -> Scale:
        sharpness, kindness = float(np.exp(numbers[0])), float(numbers[1])
        biases = kindness * (VALUES - MIDDLE) - sharpness * (liking - liking.mean())
        return Scale(sharpness=sharpness, biases=tuple(biases.tolist()))

    def residuals(numbers: Array) -> Array:
        return np.concatenate([scale(numbers).grades(log_probs) - right, PULL * numbers])

    return scale(least_squares(residuals, np.zeros(2), bounds=LIMITS).x)


def held_out(log_probs: Array, person: Sequence[float]) -> Array:
    """(N) grades of the same replies, each on a scale that was fitted on others."""
    right, found = np.asarray(person, dtype=np.float64), np.empty(len(person))
    fold = np.arange(len(right)) % FOLDS
    for each in np.unique(fold):
        inside, others = fold == each, fold != each
        found[inside] = fitted(log_probs[others], right[others].tolist()).grades(log_probs[inside])
    return found
