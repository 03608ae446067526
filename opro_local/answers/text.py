"""Open answers: the exact text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.answers import AnswerKind
from opro_local.reading.json_objects import string_form
from opro_local.reading.normalisation import spaced, unwrapped
from opro_local.reading.replies import MARKER, answer_span
from opro_local.records import Example

QUOTES = {"\u201c": "\u201d", "\u2018": "\u2019", "\u201e": "\u201c", "\u00ab": "\u00bb"}
QUOTES |= {mark: mark for mark in "'\"`"}
"""What closes a quotation, by what opens it."""
TURN = re.compile(r"\A\s*(?:A:\s*)+")
"""What a model writes that goes on in the form of question and answer."""
BRACKETS = re.compile(r"[()\[\]{}<>\s]+")


@dataclass(frozen=True, kw_only=True)
class Text(AnswerKind):
    """The first line of the answer, without quotation marks around it and a closing full stop.

    Spacing and Unicode form do not count; between brackets, as in Dyck words, blanks do not either.
    """

    reading = "the first line of its answer, compared without spacing and a closing full stop"

    def json_form(self, longest: int) -> str:
        return string_form(longest)

    def to_json(self, text: str) -> object:
        return " ".join(text.split())

    def answers(self, text: str, question: str) -> Sequence[str]:
        line = spaced(answer_span(TURN.sub("", text)).lstrip(" \t\r\n:").partition("\n")[0])
        return [_unquoted(line)] if line else []

    def is_answer(self, text: str, question: str) -> bool:
        """Any text behind a marker is."""
        return MARKER.search(text) is not None and bool(self.answers(text, question))

    def worth(self, answer: str, example: Example) -> float:
        target = _unquoted(spaced(unwrapped(example.target)))
        if BRACKETS.fullmatch(target):
            return float(answer.rstrip(".").replace(" ", "") == target.replace(" ", ""))
        return float(target in (answer, answer.removesuffix(".")))


def _unquoted(line: str) -> str:
    """Without a pair of quotation marks around all of it, before or behind the full stop."""
    bare = line.removesuffix(".")
    closing = QUOTES.get(bare[:1])
    quoted = closing is not None and len(bare) > 2 and bare.find(closing, 1) == len(bare) - 1
    return bare[1:-1] if quoted else line
