"""Which number a text states as its result.

It is the number that an answer behind a marker, or the last sentence, begins with ("18, up from 12", "18 is
..."), else the last one. Passed over are questions and sentences of the question said again, remarks in
brackets, numbers that are denied ("not 5") or guessed ("maybe 5"), bounds ("at least 5"), what is compared
with ("up from 12"), and a calculation behind "=". Two numbers to choose from, a range and a list are several;
what is still to be worked out is none.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from opro_local.config import DecimalSign
from opro_local.reading.normalisation import spaced
from opro_local.reading.numbers import Numeral, numerals_in, without_latex
from opro_local.reading.replies import SENTENCE_END

Calculation = tuple[Numeral, ...]
"""Numbers with an operator between any two; a number by itself is one of length 1."""

REMARK = re.compile(r"(?<=[\w.%$€]\s)\((?!\s*or\b)[^()]*\)")
_UNITS = r"(?:\s*[A-Za-z%$€£°]+){0,2}"
OPERATOR = re.compile(
    rf"{_UNITS}\s*(?:[-+*/\u00d7\u00b7\u00f7^(]|\b(?:x|times|plus|minus|(?:(?:divided|multiplied)\s)?by|over|(?:out\s)?of|"
    r"to the power of|(?:more|less|fewer) than)\b)\s*[$€£(]?\s*",
    re.IGNORECASE,
)
EQUALS = re.compile(rf"{_UNITS}\s*=\s*")
CHOICE = re.compile(
    rf"{_UNITS},?\s+\(?(?:or|to|and|through|till|until|versus|vs\.?)\s+(?:\w+\s*=\s*|\w+\s+)?|[\s,;|&]+"
    r"|\s*(?:\.{2,3}|[~\u2014\u00b1]|\+/-)\s*"
    r"|\s*(?:h|hours?|min|minutes?|days?|weeks?|months?|years?|dollars?|euros?|pounds?|f(?:ee|oo|)t"
    r"|in(?:ch(?:es)?)?|metres?|meters?),?\s*",
    re.IGNORECASE,
)
"""What stands between two numbers of which the text does not say which one it means, or means both."""
ASIDE = re.compile(
    r"""
    (?:
        \b(?:not|never|neither|nor|cannot\sbe|at\s(?:least|most)|up\sto|maybe|perhaps|possibly)\b
        | n['\u2019]t\b | \b(?:could|might|may)\sbe\b
        | \b(?:instead\sof|rather\sthan|up\sfrom|down\sfrom|than|of\s(?:the|all|these|those))\b
    )
    (?:\s+(?!(?:so|but|and|is|are|which)\b)[a-z]+){0,2}\s*["'$€£]?\s*-?\Z
    | (?:\s[<>]|[<>]=|(?<![<\w/])\w[<>]|[≤≥])\s?\Z
    | \b(?:over|under|above|below|exceed(?:s|ing)|beyond)\s+["'$€£]?\s*-?\Z
    | (?:
        \b(?:roots?|half|third|quarter|square|cube|factorial)\s+(?:of\s+(?:the\s+)?|past\s+|to\s+)
        | \b(?:sqrt|log|twice|double|triple)\s*
        | (?<!\w)-(?=\()
    )\(?["'$€£]?\Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
SET_ASIDE = re.compile(
    r"(?:\s*[A-Za-z%$€£°]+)?\s+(?:"
    r"(?:or|and)\s+(?:more|less|fewer|above|below|up|over)|at\s+(?:least|most)|below\s+zero|"
    r"(?:is|was|would\s+be|seems)(?:\s+not|n['\u2019]?t)?\s+(?:the\s+)?(?:wrong|incorrect|false|impossible)|"
    r"(?:is|was|would\s+be|seems)(?:\s+not|n['\u2019]?t)\s+(?:the\s+)?(?:right|correct|true|answer)"
    r")\b",
    re.IGNORECASE,
)
"""The same behind it."""
OPENING = re.compile(
    r"\W*(?:(?:about|approximately|approx|roughly|exactly|simply|just|only|equal to|a total of|minus|"
    r"negative)\b\W*)*",
    re.IGNORECASE,
)
ANYTHING = re.compile("")
SUBJECT = re.compile(r"\s+(?:is|are|was|were|(?:will|would) be)\b", re.IGNORECASE)
PRONOUN = re.compile(r"\b(?:th(?:is|at|e)|which|each|any|every|some|no|another)(?: \w+)?\s+\Z", re.IGNORECASE)
"""Ahead of "one" where it is no number."""
NEAR = 60
"""Characters before a number, and between two, that may say what they are."""


def stated_numbers(text: str, question: str, decimal: DecimalSign, *, marked: bool) -> Sequence[Numeral]:
    """The number that a normalised text states, different ones if it does not say which.

    Empty where it states none, or one without a value.
    """
    sentences = [_without_remarks(each, decimal) for each in _told(without_latex(text), question)]
    numbered = [each for each in sentences if _stated(each, decimal)]
    if not numbered:
        return []
    if marked:
        return _chosen(numbered[0], decimal, first=_opens(numbered[0], decimal))
    if _opens(numbered[-1], decimal, SUBJECT):
        return _chosen(numbered[-1], decimal, first=True)
    return _chosen("\n".join(sentences), decimal, first=False)


def _told(text: str, question: str) -> list[str]:
    """The sentences of a text that ask nothing and repeat none of the question's."""
    asked = {spaced(sentence) for sentence in SENTENCE_END.split(question)}
    return [
        sentence
        for sentence in SENTENCE_END.split(text)
        if not sentence.rstrip(" \"'*").endswith("?") and spaced(sentence) not in asked
    ]


def _without_remarks(text: str, decimal: DecimalSign) -> str:
    bare = REMARK.sub("", text)
    return bare if numerals_in(bare, decimal) else text


def _calculations(text: str, decimal: DecimalSign) -> list[Calculation]:
    """In order, without those that only say how the number before "=" comes about."""
    found: list[Calculation] = []
    for numeral in numerals_in(text, decimal):
        if found and _are_apart_by(OPERATOR, text, found[-1], (numeral,)):
            found[-1] += (numeral,)
        elif not (numeral.text.casefold() == "one" and PRONOUN.search(_before(text, numeral))):
            found.append((numeral,))
    pairs = pairwise(found)
    explained = {b for a, b in pairs if len(b) > 1 and _are_apart_by(EQUALS, text, a, b)}
    return [each for each in found if each not in explained]


def _before(text: str, numeral: Numeral) -> str:
    return text[max(0, numeral.start - NEAR) : numeral.start]


def _are_apart_by(written: re.Pattern[str], text: str, first: Calculation, second: Calculation) -> bool:
    between = text[first[-1].end : second[0].start]
    return len(between) <= NEAR and written.fullmatch(between) is not None


def _stated(text: str, decimal: DecimalSign) -> list[Calculation]:
    """The calculations that the text does not set aside."""
    return [each for each in _calculations(text, decimal) if not _is_aside(text, each)]


def _is_aside(text: str, found: Calculation) -> bool:
    before, end = _before(text, found[0]), found[-1].end
    return ASIDE.search(before) is not None or SET_ASIDE.match(text, end) is not None


def _opens(text: str, decimal: DecimalSign, followed_by: re.Pattern[str] = ANYTHING) -> bool:
    """Whether the text begins with a number and goes on like that."""
    head = _stated(text, decimal)[0]
    begins = OPENING.fullmatch(text[: head[0].start]) is not None
    return begins and len(head) == 1 and followed_by.match(text, head[0].end) is not None


def _chosen(text: str, decimal: DecimalSign, *, first: bool) -> Sequence[Numeral]:
    """The first or last one, and those that it may be chosen from; none that is still to be worked out."""
    stated = _stated(text, decimal)
    ordered = stated if first else stated[::-1]
    linked = ordered[:1]
    for each in ordered[1:]:
        pair = sorted((linked[-1], each), key=lambda calculation: calculation[0].start)
        if not _are_apart_by(CHOICE, text, *pair):
            break
        linked.append(each)
    if any(len(each) > 1 or each[0].value is None for each in linked):
        return []
    return list({each[0].value: each[0] for each in linked}.values())
