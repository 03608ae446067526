"""JSON as answers have it: written on one line without blanks, read without doubt.

The forms are regular expressions of what is written, for replies that are held to them.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

COMMA, COLON = ",", ":"
CHARACTER = r'(?:[^"\\\x00-\x1f\x7f]|\\["\\/])'
"""A form of one sign in a string, without lines of their own."""
OPENING = re.compile(r'\{\s*["}]')
"""Where an object begins."""
Values = Mapping[str, Any]
"""Of an object: int and Decimal are its numbers."""


class KeyTwice(Exception):
    """An object has two values under one key."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise KeyTwice
    return dict(pairs)


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal, parse_constant=str)


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(COMMA, COLON))


def string_form(longest: int) -> str:
    """Of strings that are neither empty nor longer than this."""
    return f'"{CHARACTER}{{1,{longest}}}"'


def loaded(text: str) -> Values:
    """The values of an object. Raises KeyTwice, and ValueError for what is no JSON."""
    found: Values = DECODER.decode(text)
    return found


def has_object(text: str) -> bool:
    """Whether an object is whole in a text, were it one with a key twice."""
    begun = OPENING.search(text)
    if begun is None or "}" not in text:
        return False
    try:
        DECODER.raw_decode(text, begun.start())
    except (ValueError, RecursionError):
        return False
    except KeyTwice:
        return True
    return True
