"""What a regular expression of the user's finds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.answers import AnswerKind
from opro_local.errors import SettingsError
from opro_local.patterns import compiled, in_time
from opro_local.reading.json_objects import string_form
from opro_local.reading.normalisation import spaced, unwrapped
from opro_local.reading.replies import BOXED, MARKER, Grader, answer_span
from opro_local.records import Example

PLAIN = re.compile(r"(?:[A-Za-z0-9 _:/#,-]|\\d|\[[A-Za-z0-9_ -]+\]|\(\?:|[)|?*+]|\{\d+(?:,\d*)?\})+")
"""A pattern of plain signs, without groups of its own."""
LONGEST = 10_000
"""Characters of a reply that a user's pattern is searched in: it may take long for each."""


@dataclass(frozen=True, kw_only=True)
class Regex(AnswerKind):
    """Group 1 of the pattern's matches, else the whole match.

    It is searched in the answer; in the whole reply if the answer has no match, as the pattern may ask for
    the marker itself.
    """

    uses = ("pattern",)
    needs = ("pattern",)

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer regex: use --grading strict.")

    @property
    def reading(self) -> str:
        return f"what the pattern {self.pattern} finds in it: its group 1, else the whole match"

    def json_form(self, longest: int) -> str:
        """The pattern itself where a string of JSON holds whatever it matches."""
        return f'"(?:{self._pattern})"' if PLAIN.fullmatch(self._pattern) else string_form(longest)

    def to_json(self, text: str) -> object:
        return " ".join(text.split())

    @property
    def wanted(self) -> str:
        return f"a text that {self._pattern} matches"

    def answers(self, text: str, question: str) -> Sequence[str]:
        return self._matches(answer_span(text)) or self._matches(text)

    def is_answer(self, text: str, question: str) -> bool:
        if MARKER.search(text) is None and BOXED.search(text) is None:
            return False
        span = answer_span(text)[:LONGEST].strip(" \t\r\n:.")
        with in_time(self._pattern) as timeout:
            return compiled(self._pattern).fullmatch(span, timeout=timeout) is not None

    def worth(self, answer: str, example: Example) -> float:
        return float(answer == spaced(unwrapped(example.target)))

    @property
    def _pattern(self) -> str:
        return self.pattern or ""

    def _matches(self, text: str) -> list[str]:
        pattern = compiled(self._pattern)
        group = 1 if pattern.groups else 0
        with in_time(self._pattern) as timeout:
            found = [
                spaced(match[group] or "") for match in pattern.finditer(text[:LONGEST], timeout=timeout)
            ]
        return list(dict.fromkeys(answer for answer in found if answer))
