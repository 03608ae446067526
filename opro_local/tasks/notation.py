"""How answers are written: text without its typography, and what is a number and of which value.

The table's targets and the models' replies are read by the same rules, so that no target is accepted that no
reply could equal. Exponents (1e5) are not read.
"""

import re
import unicodedata
from fractions import Fraction

EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2212", "-"))  # hyphens and the minus sign
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
NUMBER = re.compile(
    r"""
    (?P<sign>(?<![\w)])[-+])?
    (?:[$€£¥]\s?)?
    (?P<inner>(?<=[$€£¥])-)?
    (?<![\w.])
    (?P<digits>
        (?<!/)\d+/\d+(?![\w/]|\.\d)
        | \d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?
        | \d+(?:\.\d+)?
        | \.\d+
    )
    (?:\s?(?P<scale>thousand|million|billion|trillion)\b)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Sign, currency, digits with thousands commas, decimals or a fraction, a scale word; units are not read."""


def normalised(line: str) -> str:
    """Compatibility forms unified, hyphens made plain, Markdown emphasis removed."""
    line = unicodedata.normalize("NFKC", line).translate(HYPHENS)
    previous = ""
    while line != previous:  # emphasis may be nested
        previous, line = line, EMPHASIS.sub(r"\2", line)
    return line


def number_value(text: str) -> Fraction | None:
    """The value of a text that is one number, a percent sign aside; None when it is not."""
    match = NUMBER.fullmatch(normalised(text).strip().removesuffix("%").strip())
    return match_value(match) if match else None


def match_value(number: re.Match[str]) -> Fraction | None:
    """The value of a match of NUMBER; None for a denominator of zero and for more digits than int() reads."""
    try:
        value = Fraction(number["digits"].replace(",", ""))
    except (ZeroDivisionError, ValueError):
        return None
    if (number["sign"] or number["inner"] or "").startswith("-"):
        value = -value
    return value * SCALES.get((number["scale"] or "").casefold(), 1)
