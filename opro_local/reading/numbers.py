"""What is a number, and of which value, under a decimal convention.

The table's targets and the models' replies are read by the same rules, so that no target is accepted that no
reply could equal. A number counts as a whole: what is written with digits and is no number of the convention
(3.5 where the decimal sign is a comma, 10:30, 5-6, a date, 2 in x^2) has no value, and no part of it has one.
A percent sign and units do not count. Roots and powers are not worked out, but for those of ten.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from opro_local.config import DecimalSign
from opro_local.reading.normalisation import normalised

WORD = re.compile("[a-z]+")
_BELOW_20 = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(WORD.findall(_BELOW_20))}
TENS = {word: 10 * value for value, word in enumerate(WORD.findall(_TENS), start=2)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
GROUPS = {"hundred": 100, "dozen": 12}
LETTERS = {"k": 10**3, "M": 10**6}
"""Scales that are written right behind the digits."""
SHORT = {"mn": 10**6, "mio": 10**6, "bn": 10**9, "lakh": 10**5, "crore": 10**7}
"""Scales that follow digits only."""
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth"
PARTS = {
    "half": 2,
    "quarter": 4,
    **{word: value for value, word in enumerate(WORD.findall(_ORDINALS), start=3)},
    "twelfth": 12,
    "twentieth": 20,
    "hundredth": 100,
    "thousandth": 1000,
}

_ONES = "|".join(list(SMALL)[1:10])
_SMALL = f"(?:(?:{'|'.join(TENS)})(?:[ -](?:{_ONES}))?|{'|'.join(reversed(SMALL))})"
_SCALE = rf"\s+(?:{'|'.join(SCALES)})"
_BELOW_1000 = (
    rf"(?:{_SMALL}|an?(?=\s+(?:{'|'.join([*GROUPS, *SCALES])})\b))"
    rf"(?:\s+dozen|\s+hundred(?:\s+(?:and\s+)?{_SMALL})?)?"
)
_PARTS = rf"halves|(?:{'|'.join(list(PARTS)[1:])})s"
_PART = rf"(?:{'|'.join(PARTS)}|{_PARTS})"
_GROUP = rf"(?:{'|'.join([*GROUPS, *SCALES])})"
_WORDS = rf"(?:{_BELOW_1000}{_SCALE},?\s+(?:and\s+)?)*{_BELOW_1000}(?:{_SCALE})?"

SIGNS: dict[DecimalSign, tuple[str, str]] = {"point": (r"\.", ","), "comma": (",", r"\.")}
"""The decimal sign of a convention and what may stand between thousands, a blank or apostrophe aside."""

MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_YEAR = r"(?:,?\s+\d{4}\b)?"
DATE = rf"\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH}{_YEAR}|\b{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b{_YEAR}"
IN_WORDS = ("words", "part", "parts", "half")
MILLIONS = r"[$€£¥]\s?\d[\d.,]*\s?mm?\b"
"""Of money; behind other numbers m is metres."""
UNREADABLE = r"\d(?:[\w.,:/'\u2019+*\u00d7\u00b7\u00f7^\u221a-]*\w)?\+?"
"""A run of digits and what clings to them, without the closing punctuation of a sentence."""
BEFORE = r"(?<![\w^\u221a])(?<!\d[.,:/'\u2019+*\u00d7\u00b7\u00f7-])(?<![A-Za-z]-)"
AFTER = (
    r"(?![A-Za-z_]*\d)(?![-.,:/'\u2019+*\u00d7\u00b7\u00f7^]\d)(?!\s?[\^\u221a\u03c0])"
    r"(?!\s+(?:squared|cubed|point\s+\d)\b)(?!\+(?!\s*\d))"
    rf"(?!(?:[xyzni]|\s(?-i:k))(?![A-Za-z]))(?!\s?B\b)(?!\s+and\s+(?:an?|{_SMALL})\s+{_PART})"
    rf"(?!\s(?!quarters)(?:{_PARTS}))"
)
"""What would make a number a part of a longer one, of a term or of a name."""
POWER = r"\s?(?:\^|\*\*)\s?\{?[-+]?\d{1,3}(?!\d)\}?"


@cache
def pattern(decimal: DecimalSign) -> re.Pattern[str]:
    """A number (a sign and digits, or number words), or what has digits and is none (group opaque)."""
    point, between = SIGNS[decimal]
    return re.compile(
        rf"""
        {BEFORE}(?P<date>(?-i:{DATE}|{MILLIONS}))
        | (?P<sign>(?<![\w)])[-+] | (?<!\d\s)\b(?:minus|negative)\s+)?
        (?:[$€£¥]\s?)?
        (?P<inner>(?<=[$€£¥])-)?
        (?:
            {BEFORE}
            (?:
                (?:
                (?:(?P<whole>\d+)\s+)?(?P<fraction>\d+/\d+)(?![\w/]|[.,]\d)
                | (?P<integer>\d{{1,3}}(?:(?:{between}|[ '\u2019])\d{{3}})+(?!\d) | \d+)
                    (?:{point}(?P<decimals>\d+))?
                | (?<![.,]){point}(?P<below_1>\d+)
                )
                (?:(?P<exponent>e[-+]?\d{{1,3}}(?!\d)) | \s?[x\u00d7*\u00b7]\s?10(?P<times>{POWER}))?
                (?:\s?(?P<scale>{_GROUP}|{"|".join(SHORT)})\b | (?P<letter>(?-i:[kK]|M))\b)?
            )
            {AFTER}
            | (?<![\w.])10(?P<power>{POWER})(?![\w^])
            | (?P<spelled>\b(?<!-)(?:{_SMALL}|{BEFORE}\d+)\s+point(?:[ -](?:{_SMALL}|\d+))+)\b
            | (?:\b(?<!-)(?P<count>{_WORDS})\s+and\s+ | {BEFORE}(?P<wholes>\d+)\s+and\s+ | \b(?<!-)(?<!and\s))
                (?:(?:an?|one)[ -](?P<part>{"|".join(PARTS)}) | (?P<many>{_SMALL})[ -](?P<parts>{_PARTS}))\b
                (?:\s+(?:of\s+)?(?:an?\s+)?(?P<unit>{_GROUP})\b)?
            | \b(?P<half>half)(?:\s+an?\s+(?P<half_of>{_GROUP})\b)
            | \b(?<!-)(?P<words>{_WORDS})\b(?![ -]{_PART}\b)(?!-)
        )
        | {BEFORE}(?P<opaque>{UNREADABLE})
        """,
        re.VERBOSE | re.IGNORECASE,
    )


LATEX = (
    (re.compile(r"(?<=\d)(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)(?!\d)"), r"\1/\2"),
    (re.compile(r"(?<=\d)\{,\}(?=\d)"), ","),
    (re.compile(r"(?<=[\d,])\\!(?=\d)"), ""),
    (re.compile(r"(?<=\d)\\[,;: ]"), " "),
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?"), "\u00b0"),
    (re.compile(r"\\(?:times|cdot)\b\s*"), "\u00d7 "),
    (re.compile(r"\\div\b\s*"), "\u00f7 "),
    (re.compile(r"\\sqrt\s*(?:\[\d+\]\s*)?\{?"), "\u221a"),
    (re.compile(r"\\pi\b"), "\u03c0"),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\\[()\[\]]"), " "),
)
"""What LaTeX writes around the numbers of an answer, and how it is written without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeral:
    """What has digits or number words, from start to end, a minus in words aside. No number has no value."""

    text: str
    start: int
    end: int
    value: Fraction | None
    in_words: bool


def numerals_in(text: str, decimal: DecimalSign) -> Sequence[Numeral]:
    """Those of a text without LaTeX. Words count only where there are no digits: "the right one" is no 1."""
    found = [_numeral(match) for match in pattern(decimal).finditer(text)]
    return [each for each in found if not each.in_words] or found


def without_latex(text: str) -> str:
    for written, plain in LATEX:
        text = written.sub(plain, text)
    return text


def number_value(text: str, decimal: DecimalSign = "point") -> Fraction | None:
    """The value of a text that is one number, a percent or currency sign aside; None when it is not."""
    bare = without_latex(normalised(text)).strip(" \t\r\n$\u20ac\u00a3\u00a5").removesuffix("%").strip()
    match = pattern(decimal).fullmatch(bare)
    return match_value(match) if match else None


def match_value(number: re.Match[str]) -> Fraction | None:
    """None for what has no value, a denominator of zero, and what is beyond the range of a float."""
    try:
        value = next(_values(number), None)
    except (ZeroDivisionError, ValueError):  # int() reads 4300 digits at most
        return None
    if value is None or value > sys.float_info.max:
        return None
    sign = (number["sign"] or number["inner"] or "").casefold()
    return -value if sign.startswith(("-", "minus", "negative")) else value


def _numeral(match: re.Match[str]) -> Numeral:
    in_words = (
        bool(match["words"] or match["part"] or match["parts"] or match["half"]) and not match["wholes"]
    )
    start = match.end("sign") if (match["sign"] or "").strip().isalpha() else match.start()
    return Numeral(
        text=match.group().strip(), start=start, end=match.end(), value=match_value(match), in_words=in_words
    )


def _values(number: re.Match[str]) -> Iterator[Fraction]:
    if number["fraction"]:
        yield (int(number["whole"] or 0) + Fraction(number["fraction"])) * _scale(number)
    elif number["integer"] or number["below_1"]:
        integer = re.sub(r"\D", "", number["integer"] or "0")
        yield Fraction(f"{integer}.{number['decimals'] or number['below_1'] or 0}") * _scale(number)
    elif number["power"]:
        yield _power(number["power"])
    elif part := number["part"]:
        yield _with_part(number, Fraction(1, PARTS[part.casefold()]))
    elif parts := number["parts"]:
        part = parts.casefold().removesuffix("s").replace("halve", "half")
        yield _with_part(number, Fraction(_of_words(number["many"]), PARTS[part]))
    elif number["half"]:
        yield Fraction((GROUPS | SCALES)[number["half_of"].casefold()], 2)
    elif number["words"]:
        yield Fraction(_of_words(number["words"]))


def _with_part(number: re.Match[str], part: Fraction) -> Fraction:
    """Behind a whole number, and of a scale: "two and a half million"."""
    whole = int(number["wholes"] or 0) + _of_words(number["count"] or "")
    return (whole + part) * (GROUPS | SCALES).get((number["unit"] or "").casefold(), 1)


def _scale(number: re.Match[str]) -> Fraction:
    scale = Fraction((GROUPS | SCALES | SHORT).get((number["scale"] or "").casefold(), 1))
    scale *= LETTERS.get((number["letter"] or "").replace("K", "k"), 1)
    return scale * _power(number["times"] or number["exponent"] or "0")


def _power(written: str) -> Fraction:
    """10 to the power of the integer at the end."""
    exponent = re.search(r"[-+]?\d+", written)
    assert exponent is not None
    return Fraction(10) ** int(exponent.group())


def _of_words(words: str) -> int:
    total = group = 0
    for word in WORD.findall(words.casefold()):
        if word in SCALES:
            total, group = total + group * SCALES[word], 0
        elif word in GROUPS:
            group *= GROUPS[word]
        else:
            group += 1 if word in ("a", "an") else SMALL.get(word, 0) + TENS.get(word, 0)
    return total + group
