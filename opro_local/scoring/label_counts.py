"""F1 of many samples of label sets at once: resampling takes it a thousand times.

Counts are (R, L, 3): of R samples and each label how often it was given rightly, wrongly, and wrongly not.
Where nothing is to be given and nothing is, F1 is 1. Tests hold both functions equal to scikit-learn's.
"""

import numpy as np

from opro_local.scoring.confusion_tables import Array


def micro_f1s(counts: Array) -> Array:
    """(R, L, 3) -> (R): of all labels together."""
    return _f1(counts.sum(axis=1))


def mean_f1s(counts: Array) -> Array:
    """(R, L, 3) -> (R): mean over the labels that rows have."""
    present = counts[:, :, 0] + counts[:, :, 2] > 0
    rows = present.sum(axis=1)
    means: Array = np.where(present, _f1(counts), 0.0).sum(axis=1) / np.maximum(rows, 1)
    return np.where(rows > 0, means, _f1(counts.sum(axis=1)))


def _f1(counts: Array) -> Array:
    """(..., 3) -> (...)"""
    hits, wrong = 2 * counts[..., 0], counts[..., 1] + counts[..., 2]
    return np.divide(hits, hits + wrong, out=np.ones_like(hits), where=hits + wrong > 0)
