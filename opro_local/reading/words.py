"""One of several words in a text, each as a whole word that the text says of itself."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from opro_local.reading.assertion import is_asserted
from opro_local.reading.normalisation import spaced
from opro_local.reading.replies import answer_span, wording

BEFORE_NOUNS = ("no", "other")
"""They stand for themselves only where no noun follows: "no idea" and "the other one" answer nothing."""
NO_NOUN = (
    r"(?!\.?\s*\d)(?=\s*(?:[^\w\s]|\Z|\n)|"
    r"\s+(?:as|because|since|it|this|that|they|he|she|we|i|you|the|a|or|and)\b)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """meanings has what each named group of pattern stands for."""

    pattern: re.Pattern[str]
    meanings: Mapping[str, str]

    def said(self, text: str) -> Sequence[str]:
        """The different meanings in the part of a text that holds its answer, in order."""
        return self.said_in(answer_span(text))

    def said_in(self, span: str) -> Sequence[str]:
        return list(dict.fromkeys(self._found(span)))

    def named_in(self, span: str) -> Sequence[str]:
        """The same of all that it names, denied or not."""
        return list(dict.fromkeys(self.meanings[m.lastgroup or ""] for m in self.pattern.finditer(span)))

    def is_one(self, text: str) -> bool:
        """Whether that part says one of the words and nothing else, punctuation aside."""
        answer = answer_span(text)
        rest = self.pattern.sub("", answer, count=1)
        return len(self.said_in(answer)) == 1 and re.search(r"\w", rest) is None

    def _found(self, text: str) -> Iterator[str]:
        others = self.pattern.sub(lambda match: " " * len(match.group()), text)
        for match in self.pattern.finditer(text):
            if is_asserted(others, *match.span()):
                yield self.meanings[match.lastgroup or ""]


def of_labels(labels: Iterable[str]) -> Words:
    """Case does not count, but for single letters ("a" is a word) and labels that differ in nothing else."""
    plain = {label: spaced(label) for label in labels}
    often = Counter(text.casefold() for text in plain.values())
    exact = {text for text in plain.values() if len(text) == 1 or often[text.casefold()] > 1}
    return any_of({text: label for label, text in plain.items()}, exact=exact)


def any_of(words: Mapping[str, str], *, exact: Set[str] = frozenset()) -> Words:
    """meaning by word; of two that begin alike the longer one counts.

    exact words count in their own case only.
    """
    groups = {f"word_{i}": word for i, word in enumerate(sorted(words, key=len, reverse=True))}
    choices = []
    for group, word in groups.items():
        flag = "" if word in exact else "i"
        after = f"(?i:{NO_NOUN})" if word.casefold() in BEFORE_NOUNS else ""
        choices.append(f"(?P<{group}>(?{flag}:{wording(word)})){after}")
    return Words(
        pattern=re.compile(rf"(?<![\w-])(?:{'|'.join(choices)})(?![\w-])"),
        meanings={group: words[word] for group, word in groups.items()},
    )
