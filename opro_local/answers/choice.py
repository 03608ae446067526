"""Multiple choice: exactly one option of the question, named by its letter or else by its text.

A letter counts in brackets, before a bracket, at the head of a line or of a marked answer, alone on its line,
and beside words that give it ("option B", "I choose B", "B is right"); as a word it does not ("A dog", "I
think"). Beside such a letter the others of a list count too ("(A) or B").
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opro_local.answers import AnswerKind
from opro_local.reading.assertion import is_asserted
from opro_local.reading.normalisation import spaced, unwrapped
from opro_local.reading.official import OfficialGrader, right_choice
from opro_local.reading.options import option_letter, options_of
from opro_local.reading.replies import Grader, answer_span
from opro_local.reading.words import any_of
from opro_local.records import Example, LabelledRow

END = r"(?=\s*(?:[.,;:!)\n]|\Z))"
LETTERS = (
    re.compile(r"(?<!\w)\(([A-Za-z])\)|(?<![\w(])([A-Z])\)"),
    re.compile(r"^[^\w\n]*(?:([A-Za-z])[^\w\n?]*$|([B-Z])[.:](?=\s)|(A)\.(?=\s)|([a-z])\))", re.MULTILINE),
    re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s+[\"'(]*([A-Zb-hj-z])\b(?!['\u2019])"),
    re.compile(
        r"(?:\b(?:is|be|[Cc]hoose|chose|[Pp]ick|[Ss]elect|[Aa]nswer)|\w['\u2019]s)\s+"
        rf"(?:[\"']*([B-HJ-Z])(?![\w'\u2019])|[\"']*([AI]){END})"
    ),
    re.compile(r"\b([A-Z])\s+is\s+(?:the\s+)?(?:only\s+)?(?:right|correct|best|true)\b"),
)
LISTED = re.compile(
    rf"(?:\b(?:or|and)|[,/&])\s*\(?(?:([B-HJ-Z])\b(?!['\u2019])|([AI]){END})|(?<=\s)([B-HJ-Z])\.(?=\s)"
)
"""One of several letters."""
LIST_MARK = re.compile(r"^\s*\d+[.)]\s+(?=\S)", re.MULTILINE)
HEAD = re.compile(rf"[^\w\n]*(?:([B-HJ-Z])(?![\w'\u2019])|([b-hj-z])(?![\w'\u2019]|\.\w)|([AIai]){END})")
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
        letters = list(dict.fromkeys(_letters(span, options, marked=span != text)))
        if options.keys() & set(letters):
            return letters
        return _by_text(span, options)

    def is_answer(self, text: str, question: str) -> bool:
        found = self.answers(text, question)
        if len(found) != 1:
            return False
        option = _plain(options_of(question)[found[0]])
        rest = answer_span(text).casefold().replace(option, "", 1)
        return re.search(r"\w", re.sub(rf"\b{found[0].casefold()}\b", "", rest, count=1)) is None

    def worth(self, answer: str, example: Example) -> float:
        return float(answer == option_letter(example.target, options_of(example.text)))


def _letters(span: str, options: Container[str], *, marked: bool) -> Iterator[str]:
    """Those that the span gives."""
    named = [*_named(span, options, marked=marked)]
    others = _without(span, named)
    for match in named:
        if is_asserted(others, *match.span()):
            yield _letter(match)


def _named(span: str, options: Container[str], *, marked: bool) -> Iterator[re.Match[str]]:
    head = HEAD.match(span) if marked else None
    found = [*([head] if head else []), *(match for form in LETTERS for match in form.finditer(span))]
    yield from found
    if found:
        yield from (match for match in LISTED.finditer(span) if _letter(match) in options)


def _letter(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group).upper()


def _without(text: str, matches: Sequence[re.Match[str]]) -> str:
    """The text with blanks where these matches are."""
    for match in matches:
        text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
    return text


def _by_text(span: str, options: Mapping[str, str]) -> Sequence[str]:
    """Letters of the options whose texts the span says as whole words; of two the longer one."""
    letters = {_plain(text): letter for letter, text in options.items() if text}
    return any_of(letters).said_in(LIST_MARK.sub("", span)) if letters else []


def _plain(option: str) -> str:
    return spaced(unwrapped(option)).casefold()
