"""What people ask of a run, put into its file by any process and heard by the one that writes the run."""

import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw

from opro_local.errors import SettingsError
from opro_local.records import Event, EventKind
from opro_local.store.database import explained, open_run, transaction
from opro_local.store.header import load_header
from opro_local.store.rows import read

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
