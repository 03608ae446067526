"""One of two labels; yes and no also said as true and false."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from opro_local.answers.label import Label
from opro_local.errors import DataError
from opro_local.reading.normalisation import spaced
from opro_local.reading.official import OfficialGrader, as_boolean
from opro_local.reading.replies import Grader
from opro_local.reading.words import Words, any_of
from opro_local.records import LabelledRow

POLAR = ({"yes": True, "no": False}, {"true": True, "false": False})
"""Pairs of which each says what the other says."""


@dataclass(frozen=True, kw_only=True)
class Boolean(Label):
    """ "not valid" is no answer: it may mean either."""

    reading = "the one of the two labels that it names, not behind a not"

    @classmethod
    def labels_of(cls, rows: Sequence[LabelledRow], given: Sequence[str]) -> tuple[str, ...]:
        labels = super().labels_of(rows, given)
        if len(labels) != 2:
            raise DataError(f"answer boolean takes two labels, found {len(labels)}. Set answer to label.")
        return labels

    def to_json(self, text: str) -> object:
        """JSON has true and false of its own."""
        return json.loads(text) if set(self.labels) == {"true", "false"} else text

    def official(self) -> Grader:
        return OfficialGrader(parse=as_boolean)

    @cached_property
    def _words(self) -> Words:
        words = {spaced(label).casefold(): label for label in self.labels}
        for pair in POLAR:
            if set(pair) == set(words):
                meaning = {value: words[word] for word, value in pair.items()}
                words = {word: meaning[value] for other in POLAR for word, value in other.items()}
                break
        return any_of(words)
