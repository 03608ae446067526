"""What people ask of a run, put into its file by any process and heard by the one that writes the run."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from opro_local.errors import SettingsError
from opro_local.records import Event, EventKind
from opro_local.store.database import explained, open_run, sound, transaction
from opro_local.store.header import load_header
from opro_local.store.rows import read

Document = dict[str, Any]
COLUMNS = "id, created, kind, text, step"


def ask(path: Path, kind: EventKind, text: str) -> None:
    """Ask something of a run that has not stopped. Raises SettingsError, StoreError."""
    with explained(path), closing(open_run(path, write=True)) as database, transaction(database):
        ((reason,),) = read(database, "SELECT stop_reason FROM run")
        if reason is not None:
            raise SettingsError(
                f"Run {load_header(database).run_id} has stopped ({reason}). Begin a new one with --start."
            )
        created = datetime.now(UTC).isoformat(timespec="seconds")
        database.execute("INSERT INTO event (created, kind, text) VALUES (?, ?, ?)", (created, kind, text))


def read_events(database: apsw.Connection) -> list[Event]:
    """In the order in which they came."""
    return [Event(*row) for row in read(database, f"SELECT {COLUMNS} FROM event ORDER BY id")]


def events_of(path: Path) -> list[Document]:
    """Every event, with what became of an instruction: the step that heard it and the reason or score."""
    with sound(path), closing(open_run(path, write=False)) as database:
        return [_document(database, event) for event in read_events(database)]


def _document(database: apsw.Connection, event: Event) -> Document:
    found: list[tuple[Any, ...]] = []
    if event.kind == "add":
        query = "SELECT reason FROM proposal WHERE step = ? AND origin = 'human' AND text = ?"
        found = read(database, query, (event.step, event.text))
    return {
        "kind": event.kind,
        "text": event.text,
        "created": event.created,
        "step": event.step,
        "reason": found[0][0] if found else None,
    }
