"""Answers to a task as the arrays that metrics take.

Classes are encoded by their place in the label order, so that the columns of the probabilities are in sorted
class order, as scikit-learn assumes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from opro_local.answers import AnswerKind
from opro_local.config import DecimalSign
from opro_local.reading.numbers import number_value
from opro_local.records import Answer
from opro_local.scoring.calibration import choice_probabilities
from opro_local.scoring.confusion_tables import Array, farthest

Needs = Literal["scores", "classes", "likelihoods", "probabilities", "values"]
"""likelihoods are of right answers, probabilities of all classes."""


@dataclass(frozen=True)
class Sample:
    """Of one kind; spread is the distance of the task's largest number from its smallest, if it has any."""

    answers: Sequence[Answer]
    kind: AnswerKind
    spread: float = 0.0

    @property
    def labels(self) -> Sequence[str]:
        """Empty for tasks without a label set."""
        return self.kind.classes

    @cached_property
    def scores(self) -> Array:
        """(N,) from 0 to 1"""
        return np.array([answer.score for answer in self.answers], dtype=np.float64)

    @cached_property
    def targets(self) -> list[int]:
        return [self.labels.index(answer.target) for answer in self.answers]

    @cached_property
    def predictions(self) -> list[int]:
        """Class by class; len(labels) where there is no prediction."""
        return [
            len(self.labels) if answer.prediction is None else self.labels.index(answer.prediction)
            for answer in self.answers
        ]

    @cached_property
    def nearest_predictions(self) -> list[int]:
        """Class by class; the one that is farthest from the target where there is no prediction."""
        ends = farthest(np.array(self.targets), len(self.labels)).tolist()
        return [end if p == len(self.labels) else p for p, end in zip(self.predictions, ends, strict=True)]

    @cached_property
    def probabilities(self) -> Array:
        """(N, C)"""
        return choice_probabilities([answer.choice_log_probs for answer in self.answers], self.kind)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(C, C + 1)"""
        classes = range(len(self.labels) + 1)
        table: NDArray[np.int64] = confusion_matrix(self.targets, self.predictions, labels=classes)[:-1]
        return table

    @cached_property
    def values(self) -> tuple[list[float], list[float]]:
        """Targets and predictions as numbers; a prediction that is none lies spread beyond its target."""
        targets = [self._number(answer.target) or 0.0 for answer in self.answers]
        said = [None if a.prediction is None else self._number(a.prediction) for a in self.answers]
        return targets, [t + self.spread if s is None else s for t, s in zip(targets, said, strict=True)]

    @cached_property
    def one_hot(self) -> Array:
        """(N, C): 1 at the target"""
        return np.eye(len(self.labels))[self.targets]

    def has(self, needs: Needs) -> bool:
        """Whether the answers have what a metric needs."""
        if needs == "scores":
            return True
        if needs == "values":
            return all(self._number(answer.target) is not None for answer in self.answers)
        if needs == "classes" or (needs == "probabilities" and not self.labels):
            return bool(self.labels)
        return all(a.choice_log_probs and a.prediction is not None for a in self.answers)

    def _number(self, text: str) -> float | None:
        return _number(text, self.kind.decimal or "point")


def _number(text: str, decimal: DecimalSign) -> float | None:
    value = number_value(text, decimal)
    return None if value is None else float(value)


def spread_of(targets: Sequence[str], decimal: DecimalSign = "point") -> float:
    """The distance of the largest number among targets from the smallest; 0 where there are none."""
    numbers = [value for target in targets if (value := _number(target, decimal)) is not None]
    return max(numbers) - min(numbers) if numbers else 0.0
