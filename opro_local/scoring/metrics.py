"""From outcomes to a Score, with scikit-learn's metrics.

Classes are encoded by their place in the label order, so that the columns of the probabilities are in sorted
class order, as scikit-learn assumes. An outcome without a prediction is a class of its own: never right, and
in no average over the labels. Log loss and Brier score need a probability for every example; where one is
missing they are not reported, and as the primary metric they are infinite, the worst there is.

Resampling takes a metric a thousand times, for which scikit-learn is too slow: the functions on confusion
tables do the same sums for all resamples at once, and tests hold them equal to scikit-learn's.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    matthews_corrcoef,
    recall_score,
)

from opro_local.config import Metric
from opro_local.evidence.intervals import Interval, bootstrap, wilson
from opro_local.records import Direction, Outcome, Score
from opro_local.scoring.calibration import calibrated, choice_probabilities

METRIC_DIRECTION: Mapping[Metric, Direction] = {
    "accuracy": "maximize",
    "balanced_accuracy": "maximize",
    "macro_f1": "maximize",
    "mcc": "maximize",
    "log_loss": "minimize",
    "brier": "minimize",
}

Array = NDArray[np.float64]


def normalised_score(value: float, metric: Metric) -> float:
    """A value of the metric from 0 to 1, higher is better."""
    if metric == "log_loss":
        return math.exp(-value)  # geometric mean probability of the right label
    if metric == "brier":
        return 1 - min(value, 2) / 2  # it lies in [0, 2], inf if it failed
    if metric == "mcc":
        return (1 + value) / 2  # it lies in [-1, 1]
    return value


def measure(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], metric: Metric, calibration: Sequence[float] = ()
) -> Score:
    """The primary metric with its 95 % interval, and every other one that these outcomes allow.

    labels is empty for tasks without a label set: those have accuracy only. Outcomes are not empty.
    """
    assert labels or metric == "accuracy"
    answers = [calibrated(outcome, labels, calibration) for outcome in outcomes]
    correct = sum(answer.correct for answer in answers)
    values: dict[Metric, float] = {"accuracy": correct / len(answers)}
    interval: Interval | None = wilson(correct, len(answers))
    if labels:
        sample = Sample(answers, labels, calibration)
        values |= {name: float(compute(sample)) for name, compute in _METRICS.items() if sample.allows(name)}
        if metric != "accuracy":
            interval = _interval(sample, metric) if metric in values else None
    return Score(
        value=values.pop(metric, math.inf),
        n=len(answers),
        interval=interval,
        metrics={str(name): value for name, value in values.items()},
        reasons=dict(sorted(Counter(a.reason for a in answers if a.reason is not None).items())),
        prompt_tokens=fmean(outcome.prompt_tokens for outcome in outcomes),
    )


def confusion(outcomes: Sequence[Outcome], labels: Sequence[str]) -> list[list[int]]:
    """Counts by target (rows) and prediction (columns), in label order; the last column is no answer."""
    table: list[list[int]] = Sample(outcomes, labels).confusion.tolist()
    return table


@dataclass(frozen=True)
class Sample:
    """Outcomes as the arrays that scikit-learn takes; biases apply to the probabilities only."""

    outcomes: Sequence[Outcome]
    labels: Sequence[str]
    biases: Sequence[float] = ()

    @property
    def correct(self) -> list[bool]:
        return [outcome.correct for outcome in self.outcomes]

    @cached_property
    def targets(self) -> list[int]:
        return [self.labels.index(outcome.target) for outcome in self.outcomes]

    @cached_property
    def predictions(self) -> list[int]:
        """Class by class; len(labels) where there is no prediction."""
        return [
            len(self.labels) if outcome.prediction is None else self.labels.index(outcome.prediction)
            for outcome in self.outcomes
        ]

    @cached_property
    def probabilities(self) -> Array:
        return choice_probabilities([outcome.choice_log_probs for outcome in self.outcomes], self.biases)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(C, C + 1)"""
        classes = range(len(self.labels) + 1)
        table: NDArray[np.int64] = confusion_matrix(self.targets, self.predictions, labels=classes)[:-1]
        return table

    @property
    def losses(self) -> Mapping[Metric, Array]:
        """What each example contributes to the metrics that are means over examples."""
        right = np.eye(len(self.labels))[self.targets]
        smallest = np.finfo(np.float64).eps  # as log_loss clips
        return {
            "log_loss": -np.log(np.maximum(self.probabilities[right == 1], smallest)),
            "brier": ((self.probabilities - right) ** 2).sum(axis=1),
        }

    def allows(self, metric: Metric) -> bool:
        if metric not in ("log_loss", "brier"):
            return True
        return all(o.choice_log_probs and o.prediction is not None for o in self.outcomes)


def _balanced_accuracy(sample: Sample) -> float:
    # balanced_accuracy_score warns about predictions of classes without examples; this is its definition.
    present = sorted(set(sample.targets))
    score: float = recall_score(
        sample.targets, sample.predictions, labels=present, average="macro", zero_division=0
    )
    return score


def _macro_f1(sample: Sample) -> float:
    classes = range(len(sample.labels))
    score: float = f1_score(
        sample.targets, sample.predictions, labels=classes, average="macro", zero_division=0
    )
    return score


def _mcc(sample: Sample) -> float:
    if len({*sample.targets, *sample.predictions}) == 1:
        return 0.0  # as scikit-learn has it, without its warning
    score: float = matthews_corrcoef(sample.targets, sample.predictions)
    return score


def _log_loss(sample: Sample) -> float:
    loss: float = log_loss(sample.targets, y_proba=sample.probabilities, labels=range(len(sample.labels)))
    return loss


def _brier(sample: Sample) -> float:
    """In [0, 2], also for two classes."""
    loss: float = brier_score_loss(
        sample.targets, y_proba=sample.probabilities, labels=range(len(sample.labels)), scale_by_half=False
    )
    return loss


_METRICS: Mapping[Metric, Callable[[Sample], float]] = {
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "mcc": _mcc,
    "log_loss": _log_loss,
    "brier": _brier,
}


def _interval(sample: Sample, metric: Metric) -> Interval:
    if metric in FROM_COUNTS:
        table = sample.confusion
        statistic = partial(from_tables, FROM_COUNTS[metric], table.shape)
        return bootstrap(table.ravel(), statistic)
    losses = sample.losses[metric]
    return bootstrap(np.ones(len(losses), dtype=np.int64), partial(mean, losses))


def mean(values: Array, counts: Array) -> Array:
    """counts (R, N) of the N values -> (R)"""
    means: Array = counts @ values / len(values)
    return means


def from_tables(statistic: Callable[[Array], Array], shape: tuple[int, int], counts: Array) -> Array:
    return statistic(counts.reshape(-1, *shape))


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


def _hits(tables: Array) -> Array:
    hits: Array = np.diagonal(tables, axis1=1, axis2=2)
    return hits


FROM_COUNTS: Mapping[Metric, Callable[[Array], Array]] = {
    "balanced_accuracy": balanced_accuracies,
    "macro_f1": macro_f1s,
    "mcc": mccs,
}
