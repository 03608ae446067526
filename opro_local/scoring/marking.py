"""What outcomes are worth: under a candidate's calibration, in the task's metric, beside another's.

The one place where a calibration is applied, and the one that knows which test and which interval a metric
takes: exact ones where every row is right or wrong, smoothed draws of the confusion table where the metric is
one of the whole table, resampled rows else.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import numpy as np
from scipy.sparse import csr_array

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.evidence.intervals import Interval, bootstrap, wilson
from opro_local.evidence.paired import Comparison, compare_correct, compare_resampled
from opro_local.records import Answer, Direction, Outcome, Score
from opro_local.scoring.calibration import calibrated
from opro_local.scoring.confusion_tables import Array
from opro_local.scoring.metrics import METRICS, MetricSpec
from opro_local.scoring.sample import Sample, spread_of
from opro_local.scoring.smoothing import Cells, comparison_of, interval_of
from opro_local.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Of one task: its kind of answer, its metric, and the spread of its numbers."""

    kind: AnswerKind
    metric: Metric = "accuracy"
    spread: float = 0.0

    @classmethod
    def of(cls, task: Task) -> "Marking":
        targets = [row.target for row in task.rows] if task.metric == "mae" else []
        spread = spread_of(targets, task.decimal or "point")
        return cls(kind=task.kind, metric=task.metric, spread=spread)

    @property
    def spec(self) -> MetricSpec:
        return METRICS[self.metric]

    @property
    def direction(self) -> Direction:
        return self.spec.direction

    def normalised(self, value: float) -> float:
        """A value of the metric from 0 to 1, higher is better."""
        return self.spec.normalised(value, self.spread)

    def answers(self, outcomes: Sequence[Outcome], calibration: Sequence[float] = ()) -> list[Answer]:
        """The outcomes under a candidate's calibration."""
        return [Answer(calibrated(outcome, self.kind, calibration)) for outcome in outcomes]

    def fitted(self, outcomes: Sequence[Outcome], biases: tuple[float, ...]) -> tuple[float, ...]:
        """The calibration, of those that the kind has, under which outcomes on train are worth most."""
        known = [outcome for outcome in outcomes if outcome.choice_log_probs]
        if not known:
            return ()
        first, *others = self.kind.calibrations(known, biases)
        return max((first, *others), key=lambda each: self._gained(outcomes, each)) if others else first

    def score(self, answers: Sequence[Answer]) -> Score:
        """The primary metric with its 95 % interval, and every other one that these answers allow.

        Answers are not empty.
        """
        sample = self._sample(answers)
        known = {
            name: float(spec.compute(sample))
            for name, spec in METRICS.items()
            if (name == self.metric or (spec.beside and name in self.kind.metrics)) and sample.has(spec.needs)
        }
        interval = _interval(sample, self.spec) if self.metric in known else None
        return Score(
            value=known.pop(self.metric, -self.spec.sign * math.inf),
            n=len(answers),
            interval=interval,
            metrics={str(name): value for name, value in known.items()},
            reasons=dict(sorted(Counter(a.reason for a in answers if a.reason is not None).items())),
            prompt_tokens=fmean(answer.prompt_tokens for answer in answers),
        )

    def compare(self, ours: Sequence[Answer], theirs: Sequence[Answer]) -> Comparison | None:
        """Ours against theirs on the same examples, in any order; what is better is positive, also of a loss.

        None where one of the two cannot be had in this metric.
        """
        partners = {answer.example_id: answer for answer in theirs}
        assert len(partners) == len(theirs) == len(ours)
        first, second = self._sample(ours), self._sample([partners[answer.example_id] for answer in ours])
        if not (first.has(self.spec.needs) and second.has(self.spec.needs)):
            return None
        if self.spec.from_tables is not None:
            return comparison_of(_cells(first, second), self.spec.from_tables)
        rows = [self._rows(self.spec, sample) for sample in (first, second)]
        if self.spec.needs == "scores" and _are_whole(rows):
            return compare_correct(*((each == 1).tolist() for each in rows))
        gains = self._gains(self.spec, first, second)
        return compare_resampled(np.ones(len(gains), dtype=np.int64), partial(_mean, gains))

    def gains(self, ours: Sequence[Answer], theirs: Sequence[Answer]) -> Array:
        """Row by row, what our answers are worth more than theirs on the same rows; (N), larger is better.

        Where the metric is no mean over examples, the log-probability of the right label stands for it; where
        that is missing too, the scores do.
        """
        first, second = self._sample(ours), self._sample(theirs)
        spec = self.spec if self.spec.per_row is not None else METRICS["log_loss"]
        if not (first.has(spec.needs) and second.has(spec.needs)):
            spec = METRICS["mean_score"]
        return self._gains(spec, first, second)

    def row_scores(self, candidates: Sequence[Sequence[Answer]]) -> tuple[Array, str]:
        """What each row of each candidate is worth to the metric, (M, n) from 0 to 1, and how that is called.

        Accuracy where the metric is no mean over rows, and where some answers do not allow it.
        """
        samples = [self._sample(answers) for answers in candidates]
        spec = self.spec
        if spec.per_row is None or not all(sample.has(spec.needs) for sample in samples):
            spec = METRICS["accuracy"]
        rows = [
            [spec.normalised(value, self.spread) for value in self._rows(spec, sample)] for sample in samples
        ]
        return np.array(rows), spec.row_name

    def addends(self, answers: Sequence[Answer]) -> csr_array:
        """What each answer adds to the sums that gains_of takes, (n, D)."""
        sample, rows = self._sample(answers), np.arange(len(answers))
        if self.spec.from_tables is None:
            return csr_array(np.stack([self._rows(self.spec, sample), np.ones(len(answers))], axis=1))
        width = len(sample.labels) + 1
        cells = np.array(sample.targets) * width + np.array(sample.predictions)
        shape = (len(answers), len(sample.labels) * width)
        return csr_array((np.ones(len(answers)), (rows, cells)), shape=shape)

    def gains_of(self, sums: Array) -> Array:
        """(R, D) sums over answers -> (R) values of the metric, turned so that larger is better."""
        if self.spec.from_tables is None:
            means: Array = self.spec.sign * sums[:, 0] / sums[:, 1]
            return means
        labels = len(self.kind.classes)
        return self.spec.sign * self.spec.from_tables(sums.reshape(-1, labels, labels + 1))

    def confusion(self, answers: Sequence[Answer]) -> list[list[int]]:
        """Counts by target (rows) and prediction (columns), in label order; the last column is no answer."""
        table: list[list[int]] = self._sample(answers).confusion.tolist()
        return table

    def _gained(self, outcomes: Sequence[Outcome], calibration: Sequence[float]) -> float:
        """The metric, turned so that larger is better; the worst there is where these outcomes have none."""
        sample = self._sample(self.answers(outcomes, calibration))
        return self.spec.sign * self.spec.compute(sample) if sample.has(self.spec.needs) else -math.inf

    def _sample(self, answers: Sequence[Answer]) -> Sample:
        return Sample(answers, self.kind, self.spread)

    def _gains(self, spec: MetricSpec, ours: Sample, theirs: Sample) -> Array:
        return spec.sign * (self._rows(spec, ours) - self._rows(spec, theirs))

    @staticmethod
    def _rows(spec: MetricSpec, sample: Sample) -> Array:
        assert spec.per_row is not None
        return spec.per_row(sample)


def _are_whole(values: Sequence[Array]) -> bool:
    """Whether nothing but 0 and 1 is among them: then a mean is a share, and its tests are exact."""
    return all(bool(np.isin(each, (0.0, 1.0)).all()) for each in values)


def _interval(sample: Sample, spec: MetricSpec) -> Interval | None:
    if spec.from_tables is not None:
        return interval_of(_cells(sample), spec.from_tables)
    assert spec.per_row is not None
    values = spec.per_row(sample)
    if spec.needs == "scores" and _are_whole([values]):
        return wilson(int(values.sum()), len(values))
    if values.min() == values.max():  # every resample would say the same, however few the rows
        return None
    return bootstrap(np.ones(len(values), dtype=np.int64), partial(_mean, values))


def _cells(*samples: Sample) -> Cells:
    """Of one candidate, or of two on the same rows."""
    predictions = [sample.predictions for sample in samples]
    return Cells.of(samples[0].targets, predictions, len(samples[0].labels))


def _mean(values: Array, counts: Array) -> Array:
    """counts (R, N) of the N values -> (R)"""
    means: Array = counts @ values / len(values)
    return means
