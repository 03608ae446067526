"""Open answers: the exact text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.answers import AnswerKind
from opro_local.reading.normalisation import spaced
from opro_local.reading.replies import MARKER, answer_span
from opro_local.records import Example

BRACKETS = re.compile(r"[()\[\]{}<>\s]+")


@dataclass(frozen=True, kw_only=True)
class Text(AnswerKind):
    """The first line of the answer, without a closing full stop.

    Spacing and Unicode form do not count; between brackets, as in Dyck words, blanks do not either.
    """

    reading = "the first line of its answer, compared without spacing and a closing full stop"

    def answers(self, text: str, question: str) -> Sequence[str]:
        line = spaced(answer_span(text).lstrip(" \t\r\n:").partition("\n")[0])
        return [line] if line else []

    def is_answer(self, text: str, question: str) -> bool:
        """Any text behind a marker is."""
        return MARKER.search(text) is not None and bool(self.answers(text, question))

    def worth(self, answer: str, example: Example) -> float:
        target = spaced(example.target)
        if BRACKETS.fullmatch(target):
            return float(answer.rstrip(".").replace(" ", "") == target.replace(" ", ""))
        return float(target in (answer, answer.removesuffix(".")))
