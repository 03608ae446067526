"""Metrics of many confusion tables at once: resampling takes one a thousand times.

Tables are (R, C, C + 1): R of them, targets by row, predictions by column, in label order; the last column
counts the rows without a prediction. Tests hold every function equal to scikit-learn's on single tables.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def balanced_accuracies(tables: Array) -> Array:
    """(R, C, C + 1) confusion tables -> (R): mean recall over the classes that a table has examples of."""
    support = tables.sum(axis=2)
    recall = _hits(tables) / np.maximum(support, 1)
    means: Array = recall.sum(axis=1) / (support > 0).sum(axis=1)
    return means


def macro_f1s(tables: Array) -> Array:
    """(R, C, C + 1) -> (R): mean over the classes of 2 TP / (targets + predictions); 0 / 0 counts as 0."""
    totals = tables.sum(axis=2) + tables.sum(axis=1)[:, :-1]
    means: Array = (2 * _hits(tables) / np.maximum(totals, 1)).mean(axis=1)
    return means


def mccs(tables: Array) -> Array:
    """(R, C, C + 1) -> (R): Gorodkin's multi-class correlation (2004), no answer being a class of its own."""
    n = tables.sum(axis=(1, 2))
    targets = np.pad(tables.sum(axis=2), [(0, 0), (0, 1)])
    predictions = tables.sum(axis=1)
    covariance = _hits(tables).sum(axis=1) * n - (targets * predictions).sum(axis=1)
    spread = (n**2 - (targets**2).sum(axis=1)) * (n**2 - (predictions**2).sum(axis=1))
    correlations: Array = np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 1)), 0.0)
    return correlations


def weighted_kappas(tables: Array) -> Array:
    """(R, C, C + 1) -> (R): Cohen's kappa with quadratic weights (Cohen 1968) for labels in order.

    A row without a prediction counts as the label that is farthest from its target.
    """
    classes = tables.shape[1]
    places = np.arange(classes)
    filled = tables[:, :, :-1].copy()
    filled[:, places, farthest(places, classes)] += tables[:, :, -1]
    weights = (places[:, np.newaxis] - places) ** 2
    expected = filled.sum(axis=2)[:, :, np.newaxis] * filled.sum(axis=1)[:, np.newaxis, :]
    seen, by_chance = (filled * weights).sum(axis=(1, 2)), (expected * weights).sum(axis=(1, 2))
    # Where nothing but one label is seen and said, all agree, and by chance too.
    kappas: Array = 1 - seen * filled.sum(axis=(1, 2)) / np.where(by_chance > 0, by_chance, 1)
    return np.where(by_chance > 0, kappas, 0.0)


def farthest(places: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The place among so many classes that is farthest from each of places."""
    ends: NDArray[np.int64] = np.where(2 * places >= classes - 1, 0, classes - 1)
    return ends


def _hits(tables: Array) -> Array:
    hits: Array = np.diagonal(tables, axis1=1, axis2=2)
    return hits
