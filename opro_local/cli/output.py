"""What commands print: one JSON object, NDJSON lists, or plain text; none of it can steer the terminal."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from opro_local.errors import OproError

SCHEMA_VERSION = 1
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def emit_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line, its schema_version first."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **value}, ensure_ascii=False, allow_nan=False)
    click.echo(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def emit_json_lines(values: Iterable[Mapping[str, Any]]) -> None:
    """One object a line."""
    for value in values:
        emit_json(value)


def say(text: object, *, err: bool = False) -> None:
    """A line for people, on stdout or stderr. Whatever a user or a model wrote goes through here."""
    click.echo(printable(str(text)), err=err)


def write_output(path: Path, content: bytes) -> None:
    """Raises OproError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OproError(f"{path}: cannot be written ({error.strerror}). Choose another file.") from None


def finite(value: float) -> float | None:
    """The value, or None where JSON and people have no number."""
    return value if math.isfinite(value) else None


def printable(text: str) -> str:
    """Text of a user or a model that cannot steer the terminal.

    Control characters are removed, and those that turn the direction of reading.
    """
    return _STEERING.sub("", text)
