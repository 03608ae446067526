"""Multiple choice: exactly one option of the question, named by its letter or else by its text.

A letter counts in brackets, before a bracket, after "option", at the head of a marked answer or alone on its
line; as a word it does not ("A dog", "I think").
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opro_local.answers import AnswerKind
from opro_local.reading.official import OfficialGrader, right_choice
from opro_local.reading.options import option_letter, options_of
from opro_local.reading.replies import Grader, answer_span, wording
from opro_local.records import Example, LabelledRow

LETTERS = (
    re.compile(r"(?<!\w)\(([A-Z])\)|(?<![\w(])([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice)\s+([A-Z])\b"),
    re.compile(r"^[^\w\n]*([A-Za-z])[^\w\n]*$", re.MULTILINE),
)
HEAD = re.compile(r"[^\w\n]*(?:([B-HJ-Z])(?![\w'])|([AI])(?=\s*(?:[.,;:\n]|\Z)))")
"""At the head of a marked answer; A and I are words too."""


@dataclass(frozen=True, kw_only=True)
class Choice(AnswerKind):
    """Answers are letters."""

    reading = "the letter of the one option that it names, else of the one whose text it gives"

    def fault(self, row: LabelledRow, *, published: bool) -> str | None:
        """Some targets of BIG-Bench Hard name no option; such rows stay, and are never right."""
        options = options_of(row.text)
        if not options:
            return "the text lists no options. Write them as (A) first, (B) second, one a line."
        if not published and option_letter(row.target, options) is None:
            return f"the label is none of the text's options {', '.join(options)}. Correct it."
        return None

    def official(self) -> Grader:
        return OfficialGrader(right=right_choice)

    def answers(self, text: str, question: str) -> Sequence[str]:
        options = options_of(question)
        span = answer_span(text)
        letters = list(dict.fromkeys(_letters(span, marked=span != text)))
        if options.keys() & set(letters):
            return letters
        return list(dict.fromkeys(_by_text(span, options)))

    def is_answer(self, text: str, question: str) -> bool:
        found = self.answers(text, question)
        if len(found) != 1:
            return False
        option = options_of(question)[found[0]].casefold()
        rest = answer_span(text).casefold().replace(option, "", 1)
        return re.search(r"\w", re.sub(rf"\b{found[0].casefold()}\b", "", rest, count=1)) is None

    def worth(self, answer: str, example: Example) -> float:
        return float(answer == option_letter(example.target, options_of(example.text)))


def _letters(span: str, *, marked: bool) -> Iterator[str]:
    head = HEAD.match(span) if marked else None
    for match in [*([head] if head else []), *(m for form in LETTERS for m in form.finditer(span))]:
        yield next(group for group in match.groups() if group).upper()


def _by_text(span: str, options: Mapping[str, str]) -> Iterator[str]:
    """Letters of the options whose texts stand in the span as whole words; of two the longer one."""
    letters = {text.casefold(): letter for letter, text in options.items() if text}
    if not letters:
        return
    longest_first = sorted(letters, key=len, reverse=True)
    words = "|".join(map(wording, longest_first))
    for match in re.finditer(rf"(?<![\w-])(?:{words})(?![\w-])", span.casefold()):
        yield letters[" ".join(match.group().split())]
