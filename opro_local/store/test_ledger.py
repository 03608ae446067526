"""How often test rows have been used, by any run of a folder: a test set wears out with every look at it.

Kept apart from the cache of replies, which may be deleted at any time. It holds hashes of rows, no text.
"""

import json
import logging
import secrets
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw
from filelock import FileLock

from opro_local.records import Example, content_hash
from opro_local.store.database import BUSY_TIMEOUT_MS, configure, connect, explained, transaction
from opro_local.store.rows import read

SCHEMA = """
CREATE TABLE IF NOT EXISTS use (
    row TEXT NOT NULL,
    user TEXT NOT NULL,
    PRIMARY KEY (row, user)
) STRICT, WITHOUT ROWID
"""


logger = logging.getLogger(__name__)


def check_ledger(path: Path) -> None:
    """Before a search begins: a damaged ledger is put aside under another name and said, and a new one begun.

    Raises StoreError when it cannot be read or written.
    """
    with explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only one process at a time may find out that the file has to be replaced.
        with FileLock(f"{path}.lock", timeout=BUSY_TIMEOUT_MS / 1000, mode=0o600):
            if path.exists() and not _is_sound(path):
                aside = path.with_name(f"{path.name}.damaged-{secrets.token_hex(2)}")
                path.rename(aside)
                for suffix in ("-wal", "-shm"):
                    Path(f"{path}{suffix}").unlink(missing_ok=True)
                logger.warning(
                    "%s: damaged, kept as %s; how often test rows were used is counted anew.",
                    path,
                    aside.name,
                )


def _is_sound(path: Path) -> bool:
    try:
        with closing(connect(path, apsw.SQLITE_OPEN_READWRITE, configure)) as database:
            database.execute(SCHEMA)
            database.execute("SELECT row, user FROM use LIMIT 1")
            return bool(database.pragma("quick_check") == "ok")
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError):
        return False


def note_use(path: Path, user: str, rows: Sequence[Example]) -> int:
    """Note in the ledger that user (a run, a measurement) looks at these test rows.

    Returns how many others have looked at any of them before. Noting it twice is noting it once.
    """
    hashes = [content_hash("test row", [row.text, row.target]) for row in rows]
    with explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with closing(connect(path, apsw.SQLITE_OPEN_READWRITE, configure)) as database:
            return _noted(database, user, hashes)


def _noted(database: apsw.Connection, user: str, hashes: Sequence[str]) -> int:
    with transaction(database):
        database.execute(SCHEMA)
        ((others,),) = read(
            database,
            "SELECT count(DISTINCT user) FROM use "
            "WHERE user <> ? AND row IN (SELECT value FROM json_each(?))",
            (user, json.dumps(hashes)),
        )
        database.executemany(
            "INSERT INTO use VALUES (?, ?) ON CONFLICT DO NOTHING", [(each, user) for each in hashes]
        )
    return int(others)
