"""What people ask of a run, put into its file by any process and heard by the one that writes the run."""

import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw

from opro_local.errors import SettingsError
from opro_local.patterns import compiled
from opro_local.recording import Event, EventKind
from opro_local.store.database import open_run, settle, sound, transaction
from opro_local.store.header import load_header
from opro_local.store.rows import read
from opro_local.wording import quoted

EXTENSION = re.compile("[1-9][0-9]{0,8} (steps|pairs|tokens|seconds)")
COLUMNS = "id, created, kind, text, step, block"


def ask(path: Path, kind: EventKind, text: str) -> None:
    """Ask something of a run that has not stopped. Raises SettingsError, StoreError."""
    _check(kind, text)
    with sound(path), closing(open_run(path, write=False)) as database:
        _check_run(database, kind, text)  # opening it for writing would change the file
    with sound(path), closing(open_run(path, write=True)) as database:
        with transaction(database):
            _check_run(database, kind, text)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            database.execute(
                "INSERT INTO event (created, kind, text) VALUES (?, ?, ?)", (created, kind, text)
            )
        settle(database)


def _check_run(database: apsw.Connection, kind: EventKind, text: str) -> None:
    """Raises SettingsError where nobody would hear it. A ban is taken back until the run is finished."""
    ((reason, finished),) = read(database, "SELECT stop_reason, finished FROM run")
    if finished or (reason is not None and kind != "unban"):
        raise SettingsError(
            f"Run {load_header(database).run_id} has stopped ({reason}). Begin a new one with --start."
        )
    if kind == "unban" and not any(
        e.kind in ("ban", "ban pattern") and e.text == text for e in read_events(database)
    ):
        raise SettingsError(f"{quoted(text)} is not banned. See: opro-local prompts list RUN")


def _check(kind: EventKind, text: str) -> None:
    """Raises SettingsError."""
    if kind in ("add", "ban", "ban pattern", "unban") and not text.strip():
        raise SettingsError("The text is empty. Write an instruction.")
    if kind == "extend" and not EXTENSION.fullmatch(text):
        raise SettingsError("The budget is extended by a number of steps, pairs, tokens or seconds.")
    if kind == "ban pattern":
        compiled(text)


def read_events(database: apsw.Connection) -> list[Event]:
    """In the order in which they came."""
    return [Event(*row) for row in read(database, f"SELECT {COLUMNS} FROM event ORDER BY id")]
