"""One of several grades in order: near misses are worth something."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from opro_local.answers.label import Label
from opro_local.config import Metric
from opro_local.records import Example


@dataclass(frozen=True, kw_only=True)
class Rating(Label):
    """labels are given from one end to the other."""

    needs = ("labels",)
    metrics: ClassVar[Sequence[Metric]] = ("mean_score", "weighted_kappa", "accuracy")

    def worth(self, answer: str, example: Example) -> float:
        apart = abs(self.labels.index(answer) - self.labels.index(example.target))
        return 1 - apart / (len(self.labels) - 1)
