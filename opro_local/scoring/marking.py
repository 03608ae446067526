"""What outcomes are worth: under a candidate's calibration, in the task's metric, beside another's.

The one place where a calibration is applied, and the one that knows which test and which interval a metric
takes. Exact ones where every row is right or wrong; else rows exchange their answers for the test, and the
interval is of smoothed draws of the confusion table, if the metric is one of the whole table, or of resampled
rows.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.evidence.intervals import Interval, bootstrap, resampled, wilson
from opro_local.evidence.paired import (
    RESAMPLES,
    Comparison,
    compare_correct,
    compare_exchanged,
)
from opro_local.records import Answer, Direction, Outcome, Score
from opro_local.scoring.calibration import calibrated
from opro_local.scoring.confusion_tables import Array, OfTables
from opro_local.scoring.metrics import METRICS, MetricSpec
from opro_local.scoring.sample import Sample, spread_of
from opro_local.scoring.smoothing import Cells, comparison_of, interval_of
from opro_local.scoring.sums import Summed, Sums, of_rows, of_tables
from opro_local.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Of one task: its kind of answer, its metric, and the spread of its numbers."""

    kind: AnswerKind
    metric: Metric = "accuracy"
    spread: float = 0.0

    @classmethod
    def of(cls, task: Task) -> "Marking":
        spread = spread_of(task.kind, [row.target for row in task.rows])
        return cls(kind=task.kind, metric=task.metric, spread=spread)

    @property
    def spec(self) -> MetricSpec:
        return METRICS[self.metric]

    @property
    def direction(self) -> Direction:
        return self.spec.direction

    @property
    def limits(self) -> Interval:
        """Between which values of the metric lie; an error of numbers is the spread at most."""
        erring = self.spec.needs == "values" and self.spec.direction == "minimize"
        return self.spec.low, (self.spread if erring else 0.0) or self.spec.high

    @property
    def is_of_tables(self) -> bool:
        """Whether the metric is a figure of the confusion table, no mean over rows."""
        return self._from_tables is not None

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

    def value(self, answers: Sequence[Answer]) -> float:
        """The metric alone; the worst there is where these answers have none."""
        sample = self._sample(answers)
        has = sample.has(self.spec.needs)
        return float(self.spec.compute(sample)) if has else -self.spec.sign * math.inf

    def score(self, answers: Sequence[Answer]) -> Score:
        """The primary metric with its 95 % interval, and every other one that these answers allow.

        Answers are not empty.
        """
        sample = self._sample(answers)
        known = {
            name: float(spec.compute(sample))
            for name, spec in METRICS.items()
            if (spec.beside or name in (self.metric, *self.kind.beside)) and sample.has(spec.needs)
            if name != "accuracy" or name in self.kind.metrics  # what a judge grades is never right or wrong
        }
        interval = self._interval(sample) if self.metric in known else None
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
        found = self._compare(ours, theirs)
        low, high = self.limits
        return found and found.within(high - low)

    def _compare(self, ours: Sequence[Answer], theirs: Sequence[Answer]) -> Comparison | None:
        partners = {answer.example_id: answer for answer in theirs}
        assert len(partners) == len(theirs) == len(ours)
        first, second = self._sample(ours), self._sample([partners[answer.example_id] for answer in ours])
        if not (first.has(self.spec.needs) and second.has(self.spec.needs)):
            return None
        if self._from_tables is not None:
            return comparison_of(_cells(first, second), self._from_tables)
        if self.spec.is_share:
            rows = [self._rows(self.spec, sample) for sample in (first, second)]
            if _are_whole(rows):
                return compare_correct(*((each == 1).tolist() for each in rows))
        return _compared(self._summed([first, second]), self.spec.sign)

    def gains(self, ours: Sequence[Answer], theirs: Sequence[Answer]) -> Array:
        """Row by row, what our answers are worth more than theirs on the same rows; (N), larger is better.

        Where the metric is no mean over examples, another stands for it, for most the log-probability of the
        right label; where that is missing too, the scores do.
        """
        first, second = self._sample(ours), self._sample(theirs)
        spec = self.spec if self.spec.per_row is not None else METRICS[self.spec.stand_in]
        if not (first.has(spec.needs) and second.has(spec.needs)):
            spec = METRICS["mean_score"]
        return self._gains(spec, first, second)

    def row_scores(self, candidates: Sequence[Sequence[Answer]]) -> tuple[Array, str]:
        """What each row of each candidate is worth to the metric, (M, n) from 0 to 1, and how that is called.

        Where the metric is no mean over rows, errors of numbers stand for it; else, and where some answers do
        not allow it, what the kind says that answers are worth: accuracy, if all are right or wrong.
        """
        samples = [self._sample(answers) for answers in candidates]
        spec = METRICS[self.spec.stand_in] if self.spec.needs == "values" and self._sums else self.spec
        if spec.per_row is None or not all(sample.has(spec.needs) for sample in samples):
            worths = [self._rows(METRICS["mean_score"], sample) for sample in samples]
            spec = METRICS["accuracy" if _are_whole(worths) else "mean_score"]
        rows = [
            [spec.normalised(value, self.spread) for value in self._rows(spec, sample)] for sample in samples
        ]
        return np.array(rows), spec.row_name

    def sums(self, candidates: Sequence[Sequence[Answer]]) -> Sums:
        """What each answer of each candidate adds to the sums that the metric is a figure of."""
        return self._summed(list(map(self._sample, candidates)))

    def confusion(self, answers: Sequence[Answer]) -> list[list[int]]:
        """Counts by target (rows) and prediction (columns), in label order; the last column is no answer."""
        table: list[list[int]] = self._sample(answers).confusion.tolist()
        return table

    def label_counts(self, answers: Sequence[Answer]) -> list[list[int]]:
        """How often each label of sets is given rightly, wrongly, and wrongly not, in label order."""
        counts: list[list[int]] = self._sample(answers).label_counts.sum(axis=0).astype(int).tolist()
        return counts

    @property
    def _from_tables(self) -> OfTables | None:
        return None if self.kind.members else self.spec.from_tables

    @property
    def _sums(self) -> Summed | None:
        """None where it is a mean or of the confusion table."""
        return None if self._from_tables else self.spec.sums

    @property
    def _summed(self) -> Summed:
        if self._from_tables is not None:
            return of_tables(self._from_tables)
        if self._sums is not None:
            return self._sums
        assert self.spec.per_row is not None
        return of_rows(self.spec.per_row)

    def _interval(self, sample: Sample) -> Interval | None:
        if self._from_tables is not None:
            return interval_of(_cells(sample), self._from_tables)
        if self._sums is not None:
            return _resampled(self._sums([sample]))
        values = self._rows(self.spec, sample)
        if self.spec.is_share and _are_whole([values]):
            return wilson(int(values.sum()), len(values))
        if values.min() == values.max():  # every resample would say the same, however few the rows
            return None
        return bootstrap(_once(sample), partial(_mean, values))

    def _gained(self, outcomes: Sequence[Outcome], calibration: Sequence[float]) -> float:
        """The metric, turned so that larger is better."""
        return self.spec.sign * self.value(self.answers(outcomes, calibration))

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


def _once(sample: Sample) -> NDArray[np.int64]:
    """Each row as often as it was measured."""
    return np.ones(len(sample.answers), dtype=np.int64)


def _resampled(sums: Sums) -> Interval | None:
    (addends,) = sums.addends
    low, high = bootstrap(np.ones(addends.shape[0], dtype=np.int64), lambda rows: sums.figure(rows @ addends))
    return (low, high) if low < high else None


def _compared(sums: Sums, sign: int) -> Comparison:
    """Resampled rows give the interval, rows with their answers exchanged the p-values."""
    ours, theirs = sums.addends
    n = ours.shape[0]
    freedom = max(n - 1, 1)

    def gains(first: Array, second: Array) -> Array:
        found: Array = sign * (sums.figure(first) - sums.figure(second))
        return found

    drawn = resampled(np.ones(n, dtype=np.int64), RESAMPLES, seed=0)
    moved = _exchanges(n) @ (ours - theirs)
    whole = [each.sum(axis=0)[np.newaxis] for each in (ours, theirs)]
    exchanged = gains(whole[0] - moved, whole[1] + moved)
    return compare_exchanged(
        float(gains(*whole)[0]),
        # Resamples spread like a sample's own variance, which divides by n.
        error=float(gains(drawn @ ours, drawn @ theirs).std()) * math.sqrt(n / freedom),
        freedom=freedom,
        exchanged=exchanged,
        n=n,
        size=max(*(float(abs(sums.figure(each)[0])) for each in whole), float(abs(exchanged).max())),
    )


@lru_cache(maxsize=2)
def _exchanges(n: int) -> Array:
    """(R, n) of 0 and 1: which rows exchange their answers. By a coin; of few rows all ways to do so."""
    if 2**n <= RESAMPLES:
        return np.array(list(product((0.0, 1.0), repeat=n)))[1:]
    return np.random.default_rng(0).integers(0, 2, (RESAMPLES, n)).astype(np.float64)


def _cells(*samples: Sample) -> Cells:
    """Of one candidate, or of two on the same rows."""
    predictions = [sample.predictions for sample in samples]
    return Cells.of(samples[0].targets, predictions, len(samples[0].labels))


def _mean(values: Array, counts: Array) -> Array:
    """counts (R, N) of the N values -> (R)"""
    means: Array = counts @ values / len(values)
    return means
