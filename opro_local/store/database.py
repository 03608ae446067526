"""SQLite as this package uses it: durable, private to its owner, and with errors that say what to do.

WAL with synchronous FULL costs a few milliseconds a commit and survives a power loss. SQLite 3.7.0 to 3.51.2
may lose commits in WAL mode when two connections write or checkpoint, and some file systems have no shared
memory: there a rollback journal is used. See https://sqlite.org/wal.html#walresetbug.
"""

import errno
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from opro_local.durable import write_file
from opro_local.errors import StoreBusy, StoreError, UnreadablePart
from opro_local.store import schema

BUSY_TIMEOUT_MS = 30_000
NEARLY_FULL_BYTES = 1 << 20
"""A file system with less than this left is full for SQLite, which grows its files by pages and in steps."""

NONSENSE = (
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(ArithmeticError, RecursionError, StopIteration, struct.error),
    *(apsw.SQLError, apsw.ConstraintError, apsw.MismatchError),
)
"""What is raised where a run file holds something else than it should."""

Row = tuple[Any, ...]  # apsw's border: each reader names the columns and their types


def create(path: Path, fill: Callable[[apsw.Connection], None]) -> apsw.Connection:
    """A new database that only its owner may read; it is filled in memory and written whole or not at all.

    The caller holds the lock of the file. Raises StoreError when the file exists.
    """
    with explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.path.lexists(path):
            raise StoreError(f"{path}: exists already. Choose another name or resume that run.")
        with closing(apsw.Connection(":memory:")) as memory:
            fill(memory)
            write_file(path, memory.serialize("main"), mode=0o600)  # -wal and -shm inherit it
        try:
            return connect(path, apsw.SQLITE_OPEN_READWRITE, configure)
        except BaseException:
            path.unlink()
            raise


def open_run(path: Path, *, write: bool) -> apsw.Connection:
    """Open a run file; one of an older version is brought to the current one, in memory if it is only read.

    Everything is checked through a read-only connection first, so a file that is refused stays as it is.
    Raises StoreError naming what is wrong with it.
    """
    with explained(path):
        if not path.is_file():
            raise StoreError(f"{path}: no such run file. opro-local runs list shows the runs there are.")
        prepare = partial(_check, path=path, thoroughly=write)
        try:
            database = connect(path, apsw.SQLITE_OPEN_READONLY, prepare)
        except apsw.ReadOnlyError:  # a crash left a rollback journal, which only a writer can play back
            connect(path, apsw.SQLITE_OPEN_READWRITE, prepare).close()
            database = connect(path, apsw.SQLITE_OPEN_READONLY, prepare)
        if not write:
            return _current(database)
        database.close()
        writer = connect(path, apsw.SQLITE_OPEN_READWRITE, configure)
        with transaction(writer):
            schema.migrate(writer)
        return writer


def _current(database: apsw.Connection) -> apsw.Connection:
    """The database, or a copy of it in memory that is of the current version."""
    if database.pragma("user_version") == schema.VERSION:
        return database
    copy = apsw.Connection(":memory:")
    with closing(database), copy.backup("main", database, "main") as backup:
        backup.step()
    schema.migrate(copy)
    return copy


def connect(path: Path, flags: int, prepare: Callable[[apsw.Connection], None]) -> apsw.Connection:
    """A prepared connection; it is closed again when preparing it fails."""
    database = apsw.Connection(_name(path), flags)
    try:
        database.set_busy_timeout(BUSY_TIMEOUT_MS)
        prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _name(path: Path) -> str:
    """As SQLite takes it. Raises StoreError."""
    try:
        return str(path).encode().decode()
    except UnicodeEncodeError:
        raise StoreError(f"{str(path)!a}: the name is not UTF-8. Rename the file.") from None


def _check(database: apsw.Connection, *, path: Path, thoroughly: bool) -> None:
    version, application = database.pragma("user_version"), database.pragma("application_id")
    if (version, application) == (0, 0) and not list(database.execute("SELECT 1 FROM sqlite_schema")):
        raise StoreError(
            f"{path}: holds nothing; its run was cut off while starting. Delete it and start again."
        )
    if version == 0 or application != schema.APPLICATION_ID:
        raise StoreError(f"{path}: is not a run file. Check the name, or start a new run.")
    if version > schema.VERSION:
        raise StoreError(
            f"{path}: has schema version {version}, this opro-local reads up to {schema.VERSION}. "
            "Update opro-local to use this run."
        )
    if thoroughly and database.pragma("quick_check") != "ok":
        raise _damaged(path)


def configure(database: apsw.Connection) -> None:
    """Set what every writer needs."""
    database.pragma("foreign_keys", True)
    if not wal_is_safe(apsw.sqlite_lib_version()) or database.pragma("journal_mode", "wal") != "wal":
        database.pragma("journal_mode", "truncate")
    database.pragma("synchronous", "full")


def settle(database: apsw.Connection) -> None:
    """Make one file of the database, that can be copied alone and read where nothing can be written."""
    database.set_busy_timeout(0)
    # While a reader is there, or the disk is full, the -wal file stays: it holds everything just as safely.
    with suppress(apsw.Error):
        database.pragma("journal_mode", "delete")


def wal_is_safe(version: str) -> bool:
    """Whether this SQLite has the fix of the WAL-reset bug: 3.51.3, or a patched 3.50 or 3.44."""
    number = tuple(int(part) for part in version.split("."))
    return number >= (3, 51, 3) or any(
        fixed <= number < (3, fixed[1] + 1) for fixed in ((3, 50, 7), (3, 44, 6))
    )


@contextmanager
def transaction(database: apsw.Connection) -> Iterator[None]:
    """All or nothing: commit at the end, roll back on any exception, Ctrl-C included."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system report into StoreError and StoreBusy."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError):
        raise StoreBusy(f"{path}: another process holds this file. Try again when it is done.") from None
    except (apsw.CorruptError, apsw.NotADBError):
        raise _damaged(path) from None
    except apsw.FullError:
        raise _disk_full(path) from None
    except (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise _failed(path, str(error)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(path) from None
        raise _failed(path, error.strerror or type(error).__name__) from None


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """For reading a run file whole: explained, and what cannot be made sense of is damage.

    The file is named where a part of it is not what this version takes.
    """
    with explained(path):
        try:
            yield
        except UnreadablePart as error:
            raise StoreError(f"{path}: {error}") from None
        except NONSENSE as error:
            raise _damaged(path) from error


def _failed(path: Path, what: str) -> StoreError:
    folder = path.parent
    # On a full tmpfs SQLite cannot extend its shared memory and reports an I/O error.
    if folder.is_dir() and shutil.disk_usage(folder).free < NEARLY_FULL_BYTES:
        return _disk_full(path)
    return StoreError(
        f"{path}: cannot be read or written ({what}). Check the disk and the file's permissions."
    )


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"{path}: is damaged or not a run file; it is left as it is. "
        "Restore it from a copy, or start a new run."
    )


def _disk_full(path: Path) -> StoreError:
    return StoreError(
        f"{path}: the disk is full; everything up to the last saved block is kept. "
        "Free space, then opro-local resume continues the run."
    )
