"""How messages count things and name the user's values, without echoing private text."""

import re

LONGEST_QUOTE = 40  # characters; a longer value is text rather than a name, and text is private


def counted(n: int, noun: str) -> str:
    """'1 row', '1,200 rows'."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def quoted(value: str) -> str:
    """value in quotes, control characters escaped; a long one only by its length."""
    return repr(value) if len(value) <= LONGEST_QUOTE else f"({len(value):,} characters)"


def listed(values: list[str], most: int = 3) -> str:
    """The first few values, and how many more there are."""
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of reading."""


def printable(text: str) -> str:
    """Text of a user or a model that cannot steer the terminal: such characters are left out."""
    return _STEERING.sub("", text)


def visible(text: str) -> str:
    """The text with such characters spelt out, as JSON spells them."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
