"""Metrics of many confusion tables at once: resampling takes one a thousand times.

Tables are (R, C, C + 1): R of them, targets by row, predictions by column, in label order; the last column
counts the rows without a prediction. Counts need not be whole numbers. Averages are over the labels that a
table has rows of. Tests hold every function equal to scikit-learn's on single tables.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
OfTables = Callable[[Array], Array]
"""(R, C, C + 1) confusion tables -> (R)"""


def balanced_accuracies(tables: Array) -> Array:
    """(R, C, C + 1) confusion tables -> (R): mean recall over the classes with examples."""
    support = tables.sum(axis=2)
    return _over_present(_ratio(_hits(tables), support), support)


def macro_f1s(tables: Array) -> Array:
    """(R, C, C + 1) -> (R): mean over the classes with examples of 2 TP / (targets + predictions)."""
    support = tables.sum(axis=2)
    return _over_present(_ratio(2 * _hits(tables), support + tables.sum(axis=1)[:, :-1]), support)


def mccs(tables: Array) -> Array:
    """(R, C, C + 1) -> (R): Gorodkin's multi-class correlation (2004), no answer being a class of its own."""
    n = tables.sum(axis=(1, 2))
    targets = np.pad(tables.sum(axis=2), [(0, 0), (0, 1)])
    predictions = tables.sum(axis=1)
    covariance = _hits(tables).sum(axis=1) * n - (targets * predictions).sum(axis=1)
    spread = (n**2 - (targets**2).sum(axis=1)) * (n**2 - (predictions**2).sum(axis=1))
    return _ratio(covariance, np.sqrt(np.maximum(spread, 0)))


def weighted_kappas(tables: Array) -> Array:
    """(R, C, C + 1) -> (R): Cohen's kappa with quadratic weights (Cohen 1968) for labels in order.

    A row without a prediction counts as the label that is farthest from its target.
    """
    classes = tables.shape[1]
    places = np.arange(classes)
    filled = tables[:, :, :-1].copy()
    filled[:, places, farthest(places, classes)] += tables[:, :, -1]
    weights = (places[:, np.newaxis] - places) ** 2
    seen = (filled * weights).sum(axis=(1, 2))
    by_chance = ((filled.sum(axis=2) @ weights) * filled.sum(axis=1)).sum(axis=1)
    # Where nothing but one label is seen and said, all agree, and by chance too.
    return _ratio(by_chance - seen * filled.sum(axis=(1, 2)), by_chance)


def farthest(places: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The place among so many classes that is farthest from each of places."""
    ends: NDArray[np.int64] = np.where(2 * places >= classes - 1, 0, classes - 1)
    return ends


def _hits(tables: Array) -> Array:
    hits: Array = np.diagonal(tables, axis1=1, axis2=2)
    return hits


def _ratio(part: Array, whole: Array) -> Array:
    """part / whole, and 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _over_present(values: Array, support: Array) -> Array:
    """(R, C) values of the classes, 0 for those without examples -> (R), the mean over the others."""
    means: Array = np.where(support > 0, values, 0.0).sum(axis=1) / (support > 0).sum(axis=1)
    return means
