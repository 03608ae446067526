"""How answers are written: text without its typography, and what is a number and of which value.

The table's targets and the models' replies are read by the same rules, so that no target is accepted that no
reply could equal. Exponents (1e5), roots and powers are not read; a percent sign and units do not count.
"""

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction

EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
PLAIN = str.maketrans({**dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"), "\u2044": "/"})
"""Hyphens, the figure dash, the en dash and the minus sign; the slash of a fraction."""
MIXED = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")
"""Between a digit and a fraction that is one character."""

WORD = re.compile("[a-z]+")
_BELOW_20 = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(WORD.findall(_BELOW_20))}
TENS = {word: 10 * value for value, word in enumerate(WORD.findall(_TENS), start=2)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_ONES = "|".join(list(SMALL)[1:10])
_SMALL = f"(?:(?:{'|'.join(TENS)})(?:[ -](?:{_ONES}))?|{'|'.join(reversed(SMALL))})"
_BELOW_1000 = rf"{_SMALL}(?:\s+hundred(?:\s+(?:and\s+)?{_SMALL})?)?"
_SCALE = rf"\s+(?:{'|'.join(SCALES)})"

NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w)])[-+] | (?<!\d\s)\b(?:minus|negative)\s+)?
    (?:
        (?:[$€£¥]\s?)?
        (?P<inner>(?<=[$€£¥])-)?
        (?<![\w.])
        (?P<digits>
            (?:(?P<whole>(?<!/)\d+)\s+)?(?<!/)\d+/\d+(?![\w/]|\.\d)
            | \d{{1,3}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?
            | \d+(?:\.\d+)?
            | \.\d+
        )
        (?:\s?(?P<scale>hundred|{"|".join(SCALES)})\b)?
        | \b(?<!-)(?P<words>(?:{_BELOW_1000}{_SCALE},?\s+(?:and\s+)?)*{_BELOW_1000}(?:{_SCALE})?)\b(?!-)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A sign and digits (currency, thousands commas, decimals, a fraction, a scale word) or number words."""

LATEX = (
    (re.compile(r"(?<=\d)(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)(?!\d)"), r"\1/\2"),
    (re.compile(r"(?<=\d)(?:\{,\}|\\[,!])(?=\d)"), ""),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}"), r" \1"),
    (re.compile(r"\\([$%])"), r"\1"),
)
"""What LaTeX writes around the numbers of an answer, and how it is written without."""


def normalised(line: str) -> str:
    """Compatibility forms unified, dashes made plain, Markdown emphasis removed."""
    line = unicodedata.normalize("NFKC", MIXED.sub(" ", line)).translate(PLAIN)
    previous = ""
    while line != previous:  # emphasis may be nested
        previous, line = line, EMPHASIS.sub(r"\2", line)
    return line


def spaced(text: str) -> str:
    """Normalised, with single blanks for all white space."""
    return " ".join(normalised(text).split())


def numbers_in(text: str) -> Iterator[re.Match[str]]:
    """The matches of NUMBER in a normalised text, LaTeX aside.

    Number words count only where there are no digits: "the right one" is no 1.
    """
    found = list(NUMBER.finditer(without_latex(text)))
    digits = [number for number in found if number["digits"]]
    yield from digits or found


def without_latex(text: str) -> str:
    for pattern, plain in LATEX:
        text = pattern.sub(plain, text)
    return text


def number_value(text: str) -> Fraction | None:
    """The value of a text that is one number, a percent sign aside; None when it is not."""
    match = NUMBER.fullmatch(without_latex(normalised(text)).strip(" \t\r\n$").removesuffix("%").strip())
    return match_value(match) if match else None


def match_value(number: re.Match[str]) -> Fraction | None:
    """The value of a match of NUMBER; None for a denominator of zero and for more digits than int() reads."""
    try:
        value = _digits_value(number) if number["digits"] else Fraction(_words_value(number["words"]))
    except (ZeroDivisionError, ValueError):
        return None
    sign = (number["sign"] or number["inner"] or "").casefold()
    return -value if sign.startswith(("-", "minus", "negative")) else value


def _digits_value(number: re.Match[str]) -> Fraction:
    whole = number["whole"] or "0"
    part = number["digits"].removeprefix(number["whole"] or "").strip()
    scale = (number["scale"] or "").casefold()
    return (Fraction(whole) + Fraction(part.replace(",", ""))) * {"hundred": 100, **SCALES}.get(scale, 1)


def _words_value(words: str) -> int:
    total = group = 0
    for word in WORD.findall(words.casefold()):
        if word in SCALES:
            total, group = total + group * SCALES[word], 0
        elif word == "hundred":
            group *= 100
        else:
            group += SMALL.get(word, 0) + TENS.get(word, 0)
    return total + group
