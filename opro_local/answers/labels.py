"""Label sets and booleans: exactly one of the labels, as a whole word."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from opro_local.answers.normalisation import spaced
from opro_local.answers.reading import answer_span, wording
from opro_local.records import Example

POLAR = ({"yes": True, "no": False}, {"true": True, "false": False})
"""Pairs of which each says what the other says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReader:
    """opro_local.answers.reading.Reader; labels has the label of each named group of pattern."""

    pattern: re.Pattern[str]
    labels: Mapping[str, str]

    def answers(self, text: str, question: str) -> Sequence[str]:
        return list(dict.fromkeys(self._labels_in(answer_span(text))))

    def is_answer(self, text: str, question: str) -> bool:
        answer = answer_span(text)
        found = self.pattern.findall(answer)
        return len(found) == 1 and re.search(r"\w", self.pattern.sub("", answer)) is None

    def awaits_end(self, text: str) -> bool:
        return False

    def equal(self, answer: str, example: Example) -> bool:
        return answer == example.target

    def _labels_in(self, text: str) -> Iterator[str]:
        for match in self.pattern.finditer(text):
            yield self.labels[match.lastgroup or ""]


def label_reader(labels: Sequence[str]) -> LabelReader:
    """Any label, of two that begin alike the longer one.

    Case does not count, except for single letters ("a" is a word) and labels that differ in nothing else.
    """
    plain = {label: spaced(label) for label in labels}
    often = Counter(text.casefold() for text in plain.values())
    exact = {text for text in plain.values() if len(text) == 1 or often[text.casefold()] > 1}
    return _reader({text: label for label, text in plain.items()}, exact=exact)


def boolean_reader(labels: Sequence[str]) -> LabelReader:
    """One of two labels, not negated ("not valid" is no answer); yes and no also said as true and false."""
    words = {spaced(label).casefold(): label for label in labels}
    for pair in POLAR:
        if set(pair) == set(words):
            meaning = {value: words[word] for word, value in pair.items()}
            words = {word: meaning[value] for other in POLAR for word, value in other.items()}
            break
    return _reader(words, before=r"(?<!\bnot )(?<!n't )")


def _reader(words: Mapping[str, str], *, exact: Set[str] = frozenset(), before: str = "") -> LabelReader:
    """label by word; exact words count in their own case only, before must precede."""
    groups = {f"label_{i}": word for i, word in enumerate(sorted(words, key=len, reverse=True))}
    choices = []
    for group, word in groups.items():
        flag = "" if word in exact else "i"
        choices.append(f"(?P<{group}>(?{flag}:{wording(word)}))")
    return LabelReader(
        pattern=re.compile(rf"(?<![\w-]){before}(?:{'|'.join(choices)})(?![\w-])"),
        labels={group: words[word] for group, word in groups.items()},
    )
