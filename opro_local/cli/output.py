"""What commands print on stdout: one JSON object, NDJSON lists, or plain text without control characters."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import click

SCHEMA_VERSION = 1
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def emit_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line, its schema_version first."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **value}, ensure_ascii=False, allow_nan=False))


def emit_json_lines(values: Iterable[Mapping[str, Any]]) -> None:
    """One object a line."""
    for value in values:
        emit_json(value)


def finite(value: float) -> float | None:
    """The value, or None where JSON and people have no number."""
    return value if math.isfinite(value) else None


def printable(text: str) -> str:
    """Text of a user or a model with control characters removed: it must not steer the terminal."""
    return _CONTROL.sub("", text)
