"""How answers are written: text without its typography."""

import re
import unicodedata

EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
PLAIN = str.maketrans({**dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"), "\u2044": "/"})
"""Hyphens, the figure dash, the en dash and the minus sign; the slash of a fraction."""
MIXED = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")
"""Between a digit and a fraction that is one character."""
RAISED = re.compile(r"[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207a\u207b]+")
"""Superscripts: as plain digits they would be a part of the number before them."""
WRAPPED = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt)?|math(?:bf|it|rm|sf)|mbox|operatorname)\s*\{([^{}]*)\}")
"""Text in LaTeX."""


def normalised(line: str) -> str:
    """Compatibility forms unified, dashes made plain, superscripts marked, Markdown emphasis removed."""
    line = RAISED.sub(r"^\g<0>", MIXED.sub(" ", line))
    line = unicodedata.normalize("NFKC", line).translate(PLAIN)
    previous = ""
    while line != previous:  # emphasis may be nested
        previous, line = line, EMPHASIS.sub(r"\2", line)
    return line


def spaced(text: str) -> str:
    """Normalised, with single blanks for all white space."""
    return " ".join(normalised(text).split())


def unwrapped(text: str) -> str:
    """Without the commands of LaTeX that hold plain text."""
    previous = ""
    while text != previous:  # they may be nested
        previous, text = text, WRAPPED.sub(r" \1", text)
    return text
