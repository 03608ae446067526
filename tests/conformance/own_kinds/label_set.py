"""Several labels, as a set: worth the F1 of what is said beside what is right."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.reading.replies import MARKER, answer_span
from opro_local.records import Example, LabelledRow


@dataclass(frozen=True, kw_only=True)
class LabelSet(AnswerKind):
    """Targets and answers name their labels with a semicolon between two."""

    uses = ("labels",)
    needs = ("labels",)
    metrics: ClassVar[Sequence[Metric]] = ("mean_score", "accuracy")

    def fault(self, row: LabelledRow, *, published: bool) -> str | None:
        unknown = _parts(row.target) - set(self.labels)
        return f"{len(unknown)} of its labels are none of the list." if unknown else None

    def answers(self, text: str, question: str) -> Sequence[str]:
        said = [each for each in sorted(self.labels) if re.search(rf"\b{each}\b", answer_span(text), re.I)]
        return ["; ".join(said)] if said else []

    def is_answer(self, text: str, question: str) -> bool:
        return MARKER.search(text) is not None and bool(self.answers(text, question))

    def worth(self, answer: str, example: Example) -> float:
        said, right = _parts(answer), _parts(example.target)
        return 2 * len(said & right) / (len(said) + len(right))


def _parts(text: str) -> set[str]:
    return {part.strip() for part in text.split(";")}
