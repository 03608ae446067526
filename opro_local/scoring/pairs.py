"""Two candidates on the same rows: what one is worth more than the other, on each row and in all."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from opro_local.config import Metric
from opro_local.evidence.paired import Comparison, compare_correct, compare_resampled
from opro_local.records import Outcome
from opro_local.scoring.calibration import calibrated
from opro_local.scoring.metrics import FROM_COUNTS, Array, Sample, from_tables, mean


def compare(
    ours: Sequence[Outcome],
    theirs: Sequence[Outcome],
    *,
    labels: Sequence[str],
    metric: Metric,
    calibrations: tuple[Sequence[float], Sequence[float]] = ((), ()),
) -> Comparison | None:
    """Ours against theirs on the same examples, in any order; what is better is positive, also of a loss.

    calibrations are the biases of ours and of theirs. None where one of the two cannot be had in this metric.
    """
    assert labels or metric == "accuracy"
    partners = {outcome.example_id: outcome for outcome in theirs}
    assert len(partners) == len(theirs) == len(ours)
    matched = (ours, [partners[outcome.example_id] for outcome in ours])
    first, second = (
        Sample([calibrated(outcome, labels, biases) for outcome in outcomes], labels, biases)
        for outcomes, biases in zip(matched, calibrations, strict=True)
    )
    if metric == "accuracy":
        return compare_correct(first.correct, second.correct)
    if metric in FROM_COUNTS:
        return _compare_tables(first, second, FROM_COUNTS[metric])
    if not (first.allows(metric) and second.allows(metric)):
        return None
    gains = second.losses[metric] - first.losses[metric]
    return compare_resampled(np.ones(len(gains), dtype=np.int64), partial(mean, gains))


def hits(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], calibration: Sequence[float] = ()
) -> list[bool]:
    """Which of the outcomes are right under a calibration."""
    return [calibrated(outcome, labels, calibration).correct for outcome in outcomes]


def gains(
    ours: Sequence[Outcome],
    theirs: Sequence[Outcome],
    *,
    labels: Sequence[str],
    metric: Metric,
    calibrations: tuple[Sequence[float], Sequence[float]],
) -> Array:
    """Row by row, what our outcomes are worth more than theirs on the same rows; (N), larger is better.

    An outcome is worth its correctness, or minus its loss. Where the metric is no mean over examples, the
    log-probability of the right label stands for it; where that is missing too, correctness does.
    """
    samples = [
        Sample([calibrated(o, labels, biases) for o in outcomes], labels, biases)
        for outcomes, biases in zip((ours, theirs), calibrations, strict=True)
    ]
    if metric == "accuracy" or not all(sample.allows("log_loss") for sample in samples):
        correct = [[o.correct for o in sample.outcomes] for sample in samples]
        ours_right, theirs_right = np.array(correct, dtype=np.float64)
        difference: Array = ours_right - theirs_right
        return difference
    ours_lost, theirs_lost = (s.losses["brier" if metric == "brier" else "log_loss"] for s in samples)
    return theirs_lost - ours_lost


def _compare_tables(ours: Sample, theirs: Sample, statistic: Callable[[Array], Array]) -> Comparison:
    """An observation is a target with both predictions; each of the two sees a confusion table of it."""
    answers = np.stack([ours.targets, ours.predictions, theirs.predictions])
    (targets, *predictions), counts = np.unique(answers, axis=1, return_counts=True)
    shape = ours.confusion.shape
    cells = [_one_hot(targets * shape[1] + column, math.prod(shape)) for column in predictions]

    def difference(counts: Array) -> Array:
        first, second = (from_tables(statistic, shape, counts @ cell) for cell in cells)
        return first - second

    return compare_resampled(counts, difference)


def _one_hot(columns: NDArray[np.int64], width: int) -> Array:
    """(K) -> (K, width)"""
    rows = np.zeros((len(columns), width))
    rows[np.arange(len(columns)), columns] = 1.0
    return rows
