"""The options of a multiple-choice question, as its text lists them.

Read are "(A) text", "A) text" and "A. text", each on a line of its own or, in brackets, on one line; letters
run from A without a gap. What precedes the last A is the question. An option that has no other beside it is
read in brackets only.
"""

import re
from collections.abc import Iterable, Mapping

from opro_local.reading.normalisation import spaced

FORMS = (
    re.compile(r"^[ \t]*(?:\((?P<bracketed>[A-Z])\)|(?P<bare>[A-Z])[).:])[ \t]*(?=\S)", re.MULTILINE),
    re.compile(r"(?<!\w)\((?P<bracketed>[A-Z])\)(?P<bare>)\s*"),
    re.compile(r"(?<![\w(])(?P<bare>[A-Z])(?P<bracketed>)\)\s*"),
)
LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")


def options_of(question: str) -> Mapping[str, str]:
    """Text by letter; empty when the question lists no options."""
    marks = max((_last_run(form.finditer(question)) for form in FORMS), key=len)
    if len(marks) < 2 and not (marks and marks[0]["bracketed"]):
        return {}
    ends = [mark.start() for mark in marks[1:]] + [len(question)]
    return {
        _letter(mark): spaced(question[mark.end() : end].strip().partition("\n")[0])
        for mark, end in zip(marks, ends, strict=True)
    }


def option_letter(target: str, options: Mapping[str, str]) -> str | None:
    """The letter of the option that target names, by letter or by text; None when it names none."""
    named = LETTER.fullmatch(target.strip())
    if named and named[1].upper() in options:
        return named[1].upper()
    alike = [letter for letter, text in options.items() if text.casefold() == spaced(target).casefold()]
    return alike[0] if len(alike) == 1 else None


def _last_run(marks: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    """The marks A, B, C, ... from the last A on."""
    run: list[re.Match[str]] = []
    for mark in marks:
        letter = _letter(mark)
        if letter == "A":
            run = [mark]
        elif run and ord(letter) == ord(_letter(run[-1])) + 1:
            run.append(mark)
    return run


def _letter(mark: re.Match[str]) -> str:
    return mark["bracketed"] or mark["bare"]
