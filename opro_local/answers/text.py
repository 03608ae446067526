"""Open answers: exact text, and what a regular expression of the user's finds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.answers.normalisation import spaced
from opro_local.answers.reading import BOXED, MARKER, answer_span
from opro_local.records import Example

BRACKETS = re.compile(r"[()\[\]{}<>\s]+")
LONGEST = 10_000
"""Characters of a reply that a user's pattern is searched in: it may take long for each."""


@dataclass(frozen=True, slots=True)
class TextReader:
    """opro_local.answers.reading.Reader: the first line of the answer, without a closing full stop.

    Spacing and Unicode form do not count; between brackets, as in Dyck words, blanks do not either.
    """

    def answers(self, text: str, question: str) -> Sequence[str]:
        line = spaced(answer_span(text).lstrip(" \t\r\n:").partition("\n")[0])
        return [line] if line else []

    def is_answer(self, text: str, question: str) -> bool:
        """Any text behind a marker is."""
        return MARKER.search(text) is not None and bool(self.answers(text, question))

    def awaits_end(self, text: str) -> bool:
        return False

    def equal(self, answer: str, example: Example) -> bool:
        target = spaced(example.target)
        if BRACKETS.fullmatch(target):
            return answer.rstrip(".").replace(" ", "") == target.replace(" ", "")
        return target in (answer, answer.removesuffix("."))


@dataclass(frozen=True, slots=True)
class PatternReader:
    """opro_local.answers.reading.Reader: group 1 of the pattern's matches, else the whole match.

    It is searched in the answer; in the whole reply if the answer has no match, as the pattern may ask for
    the marker itself.
    """

    pattern: re.Pattern[str]

    def answers(self, text: str, question: str) -> Sequence[str]:
        return self._matches(answer_span(text)) or self._matches(text)

    def is_answer(self, text: str, question: str) -> bool:
        if MARKER.search(text) is None and BOXED.search(text) is None:
            return False
        return self.pattern.fullmatch(answer_span(text)[:LONGEST].strip(" \t\r\n:.")) is not None

    def awaits_end(self, text: str) -> bool:
        return False

    def equal(self, answer: str, example: Example) -> bool:
        return answer == spaced(example.target)

    def _matches(self, text: str) -> list[str]:
        group = 1 if self.pattern.groups else 0
        found = (spaced(match[group] or "") for match in self.pattern.finditer(text[:LONGEST]))
        return list(dict.fromkeys(answer for answer in found if answer))
