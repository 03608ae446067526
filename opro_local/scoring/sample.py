"""Answers to a task as the arrays that metrics take.

Classes are encoded by their place in the label order, so that the columns of the probabilities are in sorted
class order, as scikit-learn assumes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from opro_local.answers import AnswerKind
from opro_local.records import Answer
from opro_local.scoring.calibration import choice_probabilities
from opro_local.scoring.confusion_tables import Array

Needs = Literal["scores", "classes", "labels", "sets", "likelihoods", "probabilities", "values"]
"""labels are classes or the members of sets; likelihoods are of right answers, probabilities of classes."""


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
    def sets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N, L) of targets and of predictions: 1 for each member that they have, else 0.

        Without a prediction all of it is wrong: what the target has not.
        """
        targets = np.array([self._indicator(answer.target) for answer in self.answers])
        said = [None if a.prediction is None else self._indicator(a.prediction) for a in self.answers]
        wrong = zip(said, 1 - targets, strict=True)
        return targets, np.array([none if each is None else each for each, none in wrong])

    @cached_property
    def label_counts(self) -> Array:
        """(N, L, 3) of each row and member: 1 where it is given rightly, wrongly, and wrongly not."""
        targets, said = self.sets
        counts: Array = np.stack([targets * said, (1 - targets) * said, targets * (1 - said)], axis=2)
        return counts.astype(np.float64)

    @cached_property
    def values(self) -> tuple[Array, Array]:
        """(N,) targets and predictions as numbers.

        No prediction is spread off, as far as the largest number is from the smallest, and so is what is
        farther off: else silence were better than some wrong numbers, or one wild number worse than all else.
        """
        targets = np.array([self.kind.value(answer.target) for answer in self.answers], dtype=np.float64)
        said = [None if a.prediction is None else self.kind.value(a.prediction) for a in self.answers]
        off = np.array([math.inf if value is None else value for value in said]) - targets
        return targets, targets + np.clip(off, -self.spread, self.spread)

    @cached_property
    def errors(self) -> Array:
        """(N,) distances of predictions from targets."""
        targets, said = self.values
        errors: Array = np.abs(targets - said)
        return errors

    @cached_property
    def one_hot(self) -> Array:
        """(N, C): 1 at the target"""
        return np.eye(len(self.labels))[self.targets]

    def has(self, needs: Needs) -> bool:
        """Whether the answers have what a metric needs."""
        if needs == "scores":
            return True
        if needs == "values":
            return all(self.kind.value(answer.target) is not None for answer in self.answers)
        if needs in ("sets", "labels") and self.kind.members:
            return True
        if needs == "sets":
            return False
        if needs in ("classes", "labels") or (needs == "probabilities" and not self.labels):
            return bool(self.labels)
        return all(a.choice_log_probs and a.prediction is not None for a in self.answers)

    def _indicator(self, answer: str) -> list[int]:
        named = set(self.kind.named(answer))
        return [int(member in named) for member in self.kind.members]


def spread_of(kind: AnswerKind, targets: Sequence[str]) -> float:
    """The distance of the largest number among targets and classes from the smallest.

    Where all are the same, its own size, 1 at least; 0 where there are none.
    """
    found = (kind.value(each) for each in {*targets, *kind.classes})
    numbers = [value for value in found if value is not None]
    if not numbers:
        return 0.0
    return max(numbers) - min(numbers) or max(1.0, abs(numbers[0]))
