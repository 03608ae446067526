"""Model replies by key, in one SQLite file that several processes and all runs of a folder share.

It knows which runs use a reply, so that what only a deleted run used can go with it. The file may be deleted
at any time. A cache never stops a run: a file that is no cache is replaced, and where none can be opened or
it fails later the run goes on without it; each is logged.
"""

import json
import logging
import math
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import apsw
from filelock import FileLock

from opro_local.errors import StoreError
from opro_local.llm import ChoiceReply, GenerationReply
from opro_local.store.database import BUSY_TIMEOUT_MS, Row, configure, connect, create, transaction
from opro_local.store.rows import pack_floats, read, unpack_floats

APPLICATION_ID = 0x4F505243
"""SQLite's application_id of a reply cache, "OPRC" in ASCII."""

VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS reply (
    key TEXT PRIMARY KEY,
    log_probs BLOB,
    text TEXT,
    tokens INTEGER,
    ended TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS use (  -- older caches have none
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
"""

logger = logging.getLogger(__name__)

Reply = ChoiceReply | GenerationReply


class ReplyCacheFile:
    """opro_local.recording.ReplyCache in a file; run is the id of the run that asks, if a run does."""

    def __init__(self, path: Path, run: str | None = None) -> None:
        self.path = path
        self.run = run
        self._database: apsw.Connection | None = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Only one process at a time may find out that the file is missing or has to be replaced.
            with FileLock(f"{path}.lock", timeout=BUSY_TIMEOUT_MS / 1000, mode=0o600):
                self._database = (_open(path) if path.exists() else None) or _create(path)
        except (OSError, StoreError, apsw.Error) as error:
            self._give_up(error)

    def find(self, keys: Sequence[str]) -> Mapping[str, Reply]:
        if self._database is None:
            return {}
        query = "SELECT * FROM reply WHERE key IN (SELECT value FROM json_each(?))"
        try:
            rows = read(self._database, query, (json.dumps(keys),))
            with transaction(self._database):
                self._note_use(row[0] for row in rows)
        except apsw.Error as error:
            self._give_up(error)
            return {}
        return {row[0]: reply for row in rows if (reply := _reply(row)) is not None}

    def keep(self, replies: Mapping[str, Reply]) -> None:
        """Replies that hold a NaN are failures and are left out."""
        rows = [_row(key, reply) for key, reply in replies.items() if not _failed(reply)]
        if self._database is None:
            return
        try:
            with transaction(self._database):
                self._database.executemany(
                    "INSERT INTO reply VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
                )
                self._note_use(row[0] for row in rows)
        except apsw.Error as error:
            self._give_up(error)

    def _note_use(self, keys: Iterable[str]) -> None:
        if self._database is not None and self.run is not None:
            uses = [(self.run, key) for key in keys]
            self._database.executemany("INSERT INTO use VALUES (?, ?) ON CONFLICT DO NOTHING", uses)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _give_up(self, error: Exception) -> None:
        logger.warning("%s: %s; going on without the reply cache.", self.path, type(error).__name__)
        self.close()


def clear(path: Path, *, keep: Collection[str] = ()) -> None:
    """Delete the replies that no run of keep uses, so that nothing of them stays in the file.

    Raises StoreError.
    """
    try:
        if path.exists() and (database := _open(path)):
            with closing(database):
                database.pragma("secure_delete", True)
                _delete_unused(database, keep)
    except apsw.Error as error:
        raise StoreError(f"{path}: cannot be cleared ({error}). Wait until no run uses it.") from None


def _delete_unused(database: apsw.Connection, keep: Collection[str]) -> None:
    with transaction(database):
        database.execute(
            "DELETE FROM use WHERE run NOT IN (SELECT value FROM json_each(?))", (json.dumps(list(keep)),)
        )
        database.execute("DELETE FROM reply WHERE key NOT IN (SELECT key FROM use)")
    database.execute("VACUUM")
    busy, *_ = next(database.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    if busy:
        raise apsw.BusyError("what was deleted is still in its -wal file")


def _open(path: Path) -> apsw.Connection | None:
    """The cache in this file; None, and the file is gone, when it cannot be used."""
    try:
        return connect(path, apsw.SQLITE_OPEN_READWRITE, _tune)
    except (apsw.NotADBError, apsw.CorruptError):
        logger.warning("%s: not a reply cache of this version; starting an empty one.", path)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return None


def _create(path: Path) -> apsw.Connection:
    create(path, _fill).close()
    return connect(path, apsw.SQLITE_OPEN_READWRITE, _tune)


def _fill(database: apsw.Connection) -> None:
    database.execute(SCHEMA)
    database.pragma("application_id", APPLICATION_ID)
    database.pragma("user_version", VERSION)


def _tune(database: apsw.Connection) -> None:
    if (database.pragma("application_id"), database.pragma("user_version")) != (APPLICATION_ID, VERSION):
        raise apsw.NotADBError("another format")
    configure(database)
    database.execute(SCHEMA)
    database.pragma("synchronous", "normal")  # a power loss may cost the last replies, never the file


def _failed(reply: Reply) -> bool:
    if isinstance(reply, GenerationReply):
        return reply.ended == "nan"
    return any(math.isnan(value) for value in reply.log_probs)


def _row(key: str, reply: Reply) -> Row:
    if isinstance(reply, GenerationReply):
        return key, None, reply.text, reply.tokens, reply.ended
    return key, pack_floats(reply.log_probs), None, None, None


def _reply(row: Row) -> Reply | None:
    """None for a damaged row: what it held is asked again."""
    _, log_probs, text, tokens, ended = row
    if log_probs is None:
        whole = None not in (text, tokens, ended)
        return GenerationReply(text=text, tokens=tokens, ended=ended) if whole else None
    with suppress(struct.error):
        return ChoiceReply(log_probs=unpack_floats(log_probs))
    return None
