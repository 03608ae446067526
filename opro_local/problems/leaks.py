"""Does an instruction give away private rows or their answers? It would be scored on what it copies.

Case, spacing and punctuation aside, an instruction leaks when it holds a passage of a row, most of a short
row, a row's rare answer, or a piece of a row followed by its label. Passages that most rows share belong to
the form of the question and give nothing away. A paraphrase is not recognised, nor a passage in a script that
writes no spaces; rows of fewer than five words are told from common phrases only by a label after them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from opro_local.records import Example, Reason

LEAK_WORDS = 8
"""So many consecutive words of a row are a passage of it."""
SHORT_ROW_WORDS = 5
"""Rows of so many words up to LEAK_WORDS - 1 are copied by so many of their words, or all but one."""
PIECE_WORDS = 4
"""So many consecutive words of one row alone are a piece of it; of a shorter row, all of them."""
LABEL_DISTANCE = 3
"""The most words between a piece and its label: "the answer is"."""
RARE = 20
"""An answer is rare when at most one row in so many has it; a more common one is a form of answer."""

_WORD = re.compile(r"[^\W_]+")
_THOUSANDS_COMMA = re.compile(r"(?<=\d),(?=\d{3})")


@dataclass(frozen=True)
class LeakCheck:
    """The rows that no instruction may copy; labelled: their answers are classes."""

    rows: Sequence[Example]
    labelled: bool

    def reasons(self, instruction: str) -> list[Reason]:
        """What the instruction gives away; empty when it is clean."""
        spoken = words(instruction)
        text = _spaced(spoken)
        found: dict[Reason, bool] = {
            "copies a row": not self._passages.isdisjoint(_runs(spoken, LEAK_WORDS)),
            "copies most of a short row": any(piece in text for piece in self._short_rows),
            "copies an answer": any(answer in text for answer in self._rare_answers),
            "copies a labelled row": self.labelled and self._labels_a_piece(spoken),
        }
        return [reason for reason, leaks in found.items() if leaks]

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        """The rows' different texts and their labels, both as words."""
        return {_spaced(words(row.text)): _spaced(words(row.target)) for row in self.rows}

    @cached_property
    def _passages(self) -> frozenset[str]:
        return self._private(_runs(text.split(), LEAK_WORDS) for text in self._labels)

    @cached_property
    def _short_rows(self) -> frozenset[str]:
        texts = [text.split() for text in self._labels]
        short = [text for text in texts if SHORT_ROW_WORDS <= len(text) < LEAK_WORDS]
        return self._private(_runs(text, max(SHORT_ROW_WORDS, len(text) - 1)) for text in short)

    @cached_property
    def _rare_answers(self) -> Sequence[str]:
        """Answers that no instruction has by chance: several words, or a number of three digits."""
        if self.labelled:
            return ()
        counts = Counter(words(row.target) for row in self.rows)
        most = max(1, len(self.rows) // RARE)
        return [_spaced(answer) for answer, count in counts.items() if count <= most and _is_telling(answer)]

    def _private(self, pieces: Iterable[Iterable[str]]) -> frozenset[str]:
        """The pieces of texts that most texts do not hold."""
        holders = Counter(piece for of_one_text in pieces for piece in set(of_one_text))
        most = max(1, len(self._labels) // 2)
        return frozenset(piece for piece, count in holders.items() if count <= most)

    def _labels_a_piece(self, spoken: Sequence[str]) -> bool:
        named = (
            (label, start)
            for label in dict.fromkeys(self._labels.values())
            for start in range(len(spoken))
            if _spaced(spoken[start : start + len(label.split())]) == label
        )
        return any(
            self._is_piece(spoken[:end], label)
            for label, start in named
            for end in range(max(0, start - LABEL_DISTANCE), start + 1)
        )

    def _is_piece(self, spoken: Sequence[str], label: str) -> bool:
        """Whether the words end in a piece of a row that has the label."""
        rows = [_spaced(spoken[-size:]) for size in range(2, min(PIECE_WORDS, len(spoken) + 1))]
        if any(self._labels.get(row) == label for row in rows):
            return True
        piece = _spaced(spoken[-PIECE_WORDS:])
        holders = [own for text, own in self._labels.items() if piece in text]
        return len(spoken) >= PIECE_WORDS and holders == [label]


def words(text: str) -> tuple[str, ...]:
    """In lower case, without punctuation; 1,500 is one word."""
    return tuple(_WORD.findall(_THOUSANDS_COMMA.sub("", text.casefold())))


def _is_telling(answer: Sequence[str]) -> bool:
    return len(answer) > 1 or (len(answer) == 1 and len(answer[0]) >= 3 and answer[0].isdecimal())


def _runs(spoken: Sequence[str], length: int) -> Iterator[str]:
    for start in range(len(spoken) - length + 1):
        yield _spaced(spoken[start : start + length])


def _spaced(spoken: Sequence[str]) -> str:
    """Between blanks, so that one text is in another only as whole words."""
    return f" {' '.join(spoken)} "
