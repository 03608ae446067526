"""One of several words in a text, each as a whole word."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from opro_local.reading.replies import answer_span, wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """meanings has what each named group of pattern stands for."""

    pattern: re.Pattern[str]
    meanings: Mapping[str, str]

    def said(self, text: str) -> Sequence[str]:
        """The different meanings in the part of a text that holds its answer, in order."""
        return list(dict.fromkeys(self._found(answer_span(text))))

    def is_one(self, text: str) -> bool:
        """Whether that part is one of the words and nothing else, punctuation aside."""
        answer = answer_span(text)
        found = self.pattern.findall(answer)
        return len(found) == 1 and re.search(r"\w", self.pattern.sub("", answer)) is None

    def _found(self, text: str) -> Iterator[str]:
        for match in self.pattern.finditer(text):
            yield self.meanings[match.lastgroup or ""]


def any_of(words: Mapping[str, str], *, exact: Set[str] = frozenset(), before: str = "") -> Words:
    """meaning by word; of two that begin alike the longer one counts.

    exact words count in their own case only, the pattern before must precede.
    """
    groups = {f"word_{i}": word for i, word in enumerate(sorted(words, key=len, reverse=True))}
    choices = []
    for group, word in groups.items():
        flag = "" if word in exact else "i"
        choices.append(f"(?P<{group}>(?{flag}:{wording(word)}))")
    return Words(
        pattern=re.compile(rf"(?<![\w-]){before}(?:{'|'.join(choices)})(?![\w-])"),
        meanings={group: words[word] for group, word in groups.items()},
    )
