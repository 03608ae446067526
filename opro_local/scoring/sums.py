"""Metrics as functions of sums over rows: rows that are drawn, weighed or exchanged give other sums.

Each function takes the samples that are looked at together, so that their sums mean the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from opro_local.scoring.confusion_tables import Array, OfTables
from opro_local.scoring.sample import Sample


@dataclass(frozen=True, slots=True)
class Sums:
    """addends: what each row of each sample adds, (N, D); figure: (R, D) sums -> (R) values of the metric."""

    addends: Sequence[csr_array]
    figure: Callable[[Array], Array]


ROUNDING = 1e-12
"""Equal numbers may be apart by so much of their size."""

Summed = Callable[[Sequence[Sample]], Sums]


def of_rows(per_row: Callable[[Sample], Array]) -> Summed:
    """The mean of what each row is worth."""

    def summed(samples: Sequence[Sample]) -> Sums:
        rows = [per_row(sample) for sample in samples]
        addends = [csr_array(np.stack([each, np.ones(len(each))], axis=1)) for each in rows]
        return Sums(addends, lambda sums: sums[:, 0] / sums[:, 1])

    return summed


def of_tables(figure: OfTables) -> Summed:
    """A figure of confusion tables."""

    def summed(samples: Sequence[Sample]) -> Sums:
        labels = len(samples[0].labels)
        cells = [np.array(s.targets) * (labels + 1) + np.array(s.predictions) for s in samples]
        addends = [_ones_at(places, labels * (labels + 1)) for places in cells]
        return Sums(addends, lambda sums: figure(sums.reshape(-1, labels, labels + 1)))

    return summed


def of_label_counts(figure: OfTables) -> Summed:
    """A figure of the (R, L, 3) counts of the labels of sets."""

    def summed(samples: Sequence[Sample]) -> Sums:
        addends = [csr_array(sample.label_counts.reshape(len(sample.answers), -1)) for sample in samples]
        return Sums(addends, lambda sums: figure(sums.reshape(len(sums), -1, 3)))

    return summed


def r2(samples: Sequence[Sample]) -> Sums:
    """1 - squared errors / squared distances of targets from their mean; 0 or 1 where all are the same."""
    centre = np.concatenate([sample.values[0] for sample in samples]).mean()
    addends = [
        csr_array(np.stack([s.errors**2, targets, targets**2, np.ones(len(targets))], axis=1))
        for s, targets in ((sample, sample.values[0] - centre) for sample in samples)
    ]

    def figure(sums: Array) -> Array:
        squares, total, total_of_squares, n = sums.T
        apart = total_of_squares - total**2 / n
        alike = apart <= ROUNDING * total_of_squares
        scores: Array = 1 - np.where(alike, squares > 0, squares / np.where(alike, 1, apart))
        return scores

    return Sums(addends, figure)


def median_error(samples: Sequence[Sample]) -> Sums:
    """The middle one of the errors, or the mean of both."""
    sizes = np.unique(np.concatenate([sample.errors for sample in samples]))
    addends = [_ones_at(np.searchsorted(sizes, sample.errors), len(sizes)) for sample in samples]

    def figure(sums: Array) -> Array:
        up_to = sums.cumsum(axis=1)
        half = up_to[:, -1:] / 2
        medians: Array = (sizes[(up_to >= half).argmax(axis=1)] + sizes[(up_to > half).argmax(axis=1)]) / 2
        return medians

    return Sums(addends, figure)


def _ones_at(places: NDArray[np.int64], width: int) -> csr_array:
    """(N, width): 1 at the place of each row."""
    n = len(places)
    return csr_array((np.ones(n), (np.arange(n), places)), shape=(n, width))
