"""What commands print: one JSON object, NDJSON lists, or plain text; none of it can steer the terminal."""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from opro_local.durable import write_file
from opro_local.errors import OproError, SettingsError
from opro_local.results import SCHEMA_VERSION
from opro_local.wording import printable, visible

FORMATS = ("html", "md", "json", "csv", "xlsx")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def emit_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line, its schema_version first."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **value}, ensure_ascii=False, allow_nan=False)
    click.echo(visible(text))


def emit_json_lines(values: Iterable[Mapping[str, Any]]) -> None:
    """One object a line."""
    for value in values:
        emit_json(value)


def say(text: object, *, err: bool = False) -> None:
    """A line for people, on stdout or stderr. Whatever a user or a model wrote goes through here."""
    shown = printable(str(text))
    at_terminal = (sys.stderr if err else sys.stdout).isatty()
    click.echo(fitted(shown, shutil.get_terminal_size().columns) if at_terminal else shown, err=err)


def say_note(text: object) -> None:
    """Something beside the result that a person should know."""
    say(f"note: {text}", err=True)


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
    """The form of a report that a file's name asks for. Raises SettingsError for one that there is not."""
    suffix = path.suffix.removeprefix(".") if path else ""
    if suffix and suffix not in FORMATS:
        known = ", ".join(f".{form}" for form in FORMATS)
        raise SettingsError(f"no report is made as .{suffix}. Let the file end in {known}, or pass --format.")
    return suffix or "html"


def write_output(path: Path, content: bytes) -> None:
    """Raises OproError."""
    try:
        write_file(path, content)
    except OSError as error:
        raise OproError(f"{path}: cannot be written ({error.strerror}). Choose another file.") from None
