"""The metrics: one record each, in METRICS, with scikit-learn's functions.

Balanced accuracy, MCC, kappa and the F1 of classes are figures of scikit-learn's confusion matrix, the same
that intervals are drawn with. Tests hold them equal to scikit-learn's own, which take three times as long.

Averages are over the labels that have rows among the answers. An answer without a prediction is a class of
its own: never right, and in no average. Log loss and Brier score need a probability for every example; where
one is missing they are not reported, and as the primary metric they are infinite, the worst there is.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import (
    brier_score_loss,
    f1_score,
    mean_absolute_error,
    median_absolute_error,
    r2_score,
)

from opro_local.config import Metric
from opro_local.records import Direction
from opro_local.scoring.calibration import log_likelihoods
from opro_local.scoring.confusion_tables import (
    Array,
    OfTables,
    balanced_accuracies,
    macro_f1s,
    mccs,
    weighted_kappas,
)
from opro_local.scoring.label_counts import mean_f1s, micro_f1s
from opro_local.scoring.sample import Needs, Sample
from opro_local.scoring.sums import Summed, median_error, of_label_counts, r2


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """One metric of a sample.

    compute is the figure of the whole sample. It is the mean of per_row, (N,), or a function of sums over
    rows: from_tables has it for (R, C, C + 1) confusion tables at once, sums for what is neither. Where it
    is no mean, the rows of stand_in decide races. low and high are its range. scale turns a value and the
    task's spread into one from 0 to 1, higher is better, where the range has no end. whole: each row is
    worth 0 or 1, whatever its answer. beside says whether it is reported where another metric is optimised.
    row_name is what the mean of normalised rows is called; prior_weight is for calibration.
    """

    direction: Direction
    needs: Needs
    compute: Callable[[Sample], float]
    per_row: Callable[[Sample], Array] | None = None
    from_tables: OfTables | None = None
    sums: Summed | None = None
    low: float = 0.0
    high: float = 1.0
    stand_in: Metric = "log_loss"
    scale: Callable[[float, float], float] | None = None
    whole: bool = False
    beside: bool = True
    row_name: str = "accuracy"
    prior_weight: float = 1.0  # of the log prior, in biases

    @property
    def is_share(self) -> bool:
        """Whether it is a mean of rows from 0 to 1: if all are one of the two, its tests are exact."""
        return self.per_row is not None and self.direction == "maximize" and self.scale is None

    @property
    def sign(self) -> int:
        """What makes larger values better."""
        return 1 if self.direction == "maximize" else -1

    def normalised(self, value: float, spread: float = 0.0) -> float:
        """A value of the metric from 0 to 1, higher is better."""
        if self.scale is not None:
            return self.scale(value, spread)
        share = (min(value, self.high) - self.low) / (self.high - self.low)
        return share if self.direction == "maximize" else 1 - share


def _exact(sample: Sample) -> Array:
    exact: Array = (sample.scores == 1).astype(np.float64)
    return exact


def _of_table(of_tables: OfTables) -> Callable[[Sample], float]:
    """The figure of the sample's own table."""
    return lambda sample: float(of_tables(sample.confusion[np.newaxis].astype(np.float64))[0])


def _macro_f1(sample: Sample) -> float:
    """A label without rows has no recall and no F1; to answer it is a miss of the row's own label."""
    return _mean_f1(sample) if sample.kind.members else _of_table(macro_f1s)(sample)


def _mean_f1(sample: Sample) -> float:
    """Of sets: of the labels that rows have."""
    targets, said = sample.sets
    present = np.flatnonzero(targets.any(axis=0))
    if not len(present):
        return _micro_f1(sample)
    score: float = f1_score(targets, said, labels=present, average="macro", zero_division=0)
    return score


def _micro_f1(sample: Sample) -> float:
    """1 where no label is to be given and none is."""
    score: float = f1_score(*sample.sets, average="micro", zero_division=1)
    return score


def _example_f1(sample: Sample) -> float:
    """An empty set that is answered by an empty one counts 1."""
    score: float = f1_score(*sample.sets, average="samples", zero_division=1)
    return score


def _log_losses(sample: Sample) -> Array:
    smallest = np.log(np.finfo(np.float64).eps)  # as scikit-learn's log_loss clips
    losses: Array = -np.maximum(log_likelihoods(sample.answers, sample.kind), smallest)
    return losses


def _brier(sample: Sample) -> float:
    """In [0, 2], also for two classes."""
    loss: float = brier_score_loss(
        sample.targets, y_proba=sample.probabilities, labels=range(len(sample.labels)), scale_by_half=False
    )
    return loss


def _briers(sample: Sample) -> Array:
    losses: Array = ((sample.probabilities - sample.one_hot) ** 2).sum(axis=1)
    return losses


def _mae(sample: Sample) -> float:
    loss: float = mean_absolute_error(*sample.values)
    return loss


def _median_error(sample: Sample) -> float:
    loss: float = median_absolute_error(*sample.values)
    return loss


def _r2(sample: Sample) -> float:
    """One row is as good as its mean at most."""
    if len(sample.answers) == 1:
        return float(sample.errors[0] == 0)  # scikit-learn has NaN
    score: float = r2_score(*sample.values)
    return score


def _within_one(sample: Sample) -> Array:
    within: Array = (sample.errors <= 1).astype(np.float64)
    return within


def _of_spread(error: float, spread: float) -> float:
    return max(0.0, 1 - error / spread) if spread else float(error == 0)


MEAN_SCORE = MetricSpec(
    direction="maximize",
    needs="scores",
    compute=lambda s: float(s.scores.mean()),
    per_row=lambda s: s.scores,
    beside=False,
    row_name="mean score",
)

METRICS: Mapping[Metric, MetricSpec] = {
    "accuracy": MetricSpec(
        direction="maximize",
        needs="scores",
        compute=lambda s: float(_exact(s).mean()),
        per_row=_exact,
        whole=True,
    ),
    "balanced_accuracy": MetricSpec(
        direction="maximize",
        needs="classes",
        compute=_of_table(balanced_accuracies),
        from_tables=balanced_accuracies,
        prior_weight=0.0,
    ),
    "macro_f1": MetricSpec(
        direction="maximize",
        needs="labels",
        compute=_macro_f1,
        from_tables=macro_f1s,
        sums=of_label_counts(mean_f1s),
        prior_weight=0.5,
    ),
    "micro_f1": MetricSpec(
        direction="maximize", needs="sets", compute=_micro_f1, sums=of_label_counts(micro_f1s)
    ),
    "example_f1": MetricSpec(
        direction="maximize",
        needs="sets",
        compute=_example_f1,
        per_row=lambda s: s.scores,
        row_name="mean F1 of the row's labels",
    ),
    "mcc": MetricSpec(
        direction="maximize",
        needs="classes",
        compute=_of_table(mccs),
        from_tables=mccs,
        low=-1.0,
        prior_weight=0.5,
    ),
    "weighted_kappa": MetricSpec(
        direction="maximize",
        needs="classes",
        compute=_of_table(weighted_kappas),
        from_tables=weighted_kappas,
        low=-1.0,
        beside=False,  # says nothing where labels have no order
        prior_weight=0.0,
    ),
    "off_by_one": MetricSpec(
        direction="maximize",
        needs="values",
        compute=lambda s: float(_within_one(s).mean()),
        per_row=_within_one,
        whole=True,
        beside=False,
        row_name="share that is off by one grade at most",
    ),
    "log_loss": MetricSpec(
        direction="minimize",
        needs="likelihoods",
        compute=lambda s: float(_log_losses(s).mean()),
        per_row=_log_losses,
        high=math.inf,
        scale=lambda value, _spread: math.exp(-value),  # geometric mean probability of the right label
        row_name="mean probability of the right label",
    ),
    "brier": MetricSpec(
        direction="minimize",
        needs="probabilities",
        compute=_brier,
        per_row=_briers,
        high=2.0,
        row_name="1 - Brier score / 2",
    ),
    "mean_score": MEAN_SCORE,
    "token_f1": replace(MEAN_SCORE, row_name="mean F1 of tokens"),
    "mae": MetricSpec(
        direction="minimize",
        needs="values",
        compute=_mae,
        per_row=lambda s: s.errors,
        high=math.inf,
        scale=_of_spread,
        beside=False,
        row_name="1 - error / range of the answers",
    ),
    "median_error": MetricSpec(
        direction="minimize",
        needs="values",
        compute=_median_error,
        sums=median_error,
        stand_in="mae",
        high=math.inf,
        scale=_of_spread,
        beside=False,
    ),
    "r2": MetricSpec(
        direction="maximize",
        needs="values",
        compute=_r2,
        sums=r2,
        stand_in="mae",
        low=-math.inf,
        scale=lambda value, _spread: max(0.0, value),
        beside=False,
    ),
}
"""In the order in which they are reported."""
