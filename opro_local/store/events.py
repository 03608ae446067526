"""What people ask of a run, put into its file by any process and heard by the one that writes the run."""

import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import apsw

from opro_local.errors import SettingsError
from opro_local.records import Event, EventKind
from opro_local.store.database import explained, open_run, sound, transaction
from opro_local.store.header import load_header
from opro_local.store.rows import read

Document = dict[str, Any]
EXTENSION = re.compile("[1-9][0-9]{0,8} (steps|pairs|tokens|seconds)")
COLUMNS = "id, created, kind, text, step, block"


def ask(path: Path, kind: EventKind, text: str) -> None:
    """Ask something of a run that has not stopped. Raises SettingsError, StoreError."""
    _check(kind, text)
    with explained(path), closing(open_run(path, write=True)) as database, transaction(database):
        ((reason,),) = read(database, "SELECT stop_reason FROM run")
        if reason is not None:
            raise SettingsError(
                f"Run {load_header(database).run_id} has stopped ({reason}). Begin a new one with --start."
            )
        created = datetime.now(UTC).isoformat(timespec="seconds")
        database.execute("INSERT INTO event (created, kind, text) VALUES (?, ?, ?)", (created, kind, text))


def _check(kind: EventKind, text: str) -> None:
    """Raises SettingsError."""
    if kind in ("add", "ban", "ban pattern") and not text.strip():
        raise SettingsError("The text is empty. Write an instruction.")
    if kind == "extend" and not EXTENSION.fullmatch(text):
        raise SettingsError("The budget is extended by a number of steps, pairs, tokens or seconds.")
    if kind == "ban pattern":
        try:
            re.compile(text)
        except re.error as error:
            raise SettingsError(f"{text!r} is no regular expression ({error}).") from None


def read_events(database: apsw.Connection) -> list[Event]:
    """In the order in which they came."""
    return [Event(*row) for row in read(database, f"SELECT {COLUMNS} FROM event ORDER BY id")]


def events_of(path: Path) -> list[Document]:
    """Every event with the step and block that heard it, and why an instruction was not scored."""
    with sound(path), closing(open_run(path, write=False)) as database:
        return [_document(database, event) for event in read_events(database)]


def _document(database: apsw.Connection, event: Event) -> Document:
    return {
        "kind": event.kind,
        "text": event.text,
        "created": event.created,
        "step": event.step,
        "block": event.block,
        "reason": _reason(database, event) if event.kind == "add" and event.step is not None else None,
    }


def _reason(database: apsw.Connection, event: Event) -> str | None:
    """Why an instruction that was heard is not scored; None for one that is, or is going to be."""
    query = "SELECT reason FROM proposal WHERE step = ? AND origin = 'human' AND text = ?"
    found = read(database, query, (event.step, event.text))
    if found:
        return cast("str | None", found[0][0])
    ((stopped,),) = read(database, "SELECT stop_reason FROM run")
    return None if stopped is None else "the search had ended"
