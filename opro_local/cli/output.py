"""What commands print: one JSON object, NDJSON lists, or plain text; none of it can steer the terminal."""

import json
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from opro_local.errors import OproError

SCHEMA_VERSION = 1
FORMATS = ("html", "md", "json", "csv", "xlsx")
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
    shown = printable(str(text))
    at_terminal = (sys.stderr if err else sys.stdout).isatty()
    click.echo(fitted(shown, shutil.get_terminal_size().columns) if at_terminal else shown, err=err)


def fitted(text: str, width: int) -> str:
    """The text with its lines broken between words, what follows indented; a long word stays whole."""
    return "\n".join(
        textwrap.fill(
            line,
            max(1, width),
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
            expand_tabs=False,
            drop_whitespace=True,
        )
        for line in text.split("\n")
    )


def form_of(path: Path | None) -> str:
    """The form of a report that a file's name asks for."""
    suffix = path.suffix.removeprefix(".") if path else ""
    return suffix if suffix in FORMATS else "html"


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
