"""Kills, full disks and damaged files: nothing recorded is lost, and each fault is one clear line."""

import errno
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
import store_script
from full_disk import FullDisk
from store_script import HEADER, CandidateCodec, run_to_the_end

from opro_local.errors import StoreBusy, StoreError
from opro_local.results.document import run_document
from opro_local.results.reading import read_overview
from opro_local.store.database import explained, wal_is_safe
from opro_local.store.header import read_header
from opro_local.store.run_file import RunFile
from opro_local.store.schema import VERSION


def document(path: Path) -> dict[str, object]:
    """The whole export but for what may differ."""
    return {key: value for key, value in run_document(path, outcomes=True).items() if key != "timing"}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    path = tmp_path_factory.mktemp("unbroken") / "r.sqlite"
    run_to_the_end(path)
    return document(path)


STRIDES = pytest.mark.parametrize(
    "stride", [pytest.param(31, id="some"), pytest.param(4, id="every fourth", marks=pytest.mark.slow)]
)


@STRIDES
@pytest.mark.usefixtures("disk")
def test_a_run_killed_before_any_statement_ends_like_an_unbroken_one(
    tmp_path: Path, unbroken: dict[str, object], stride: int
) -> None:
    arguments = [sys.executable, store_script.__file__, str(tmp_path), "3", str(stride)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run(arguments, env=environment, check=True)
    killed = sorted(tmp_path.glob("*.sqlite"))
    assert len(killed) > 180 // stride
    for path in killed:
        try:
            run_to_the_end(path)
        except StoreError as error:
            assert "cut off while starting" in str(error)
            path.unlink()
            run_to_the_end(path)
        assert document(path) == unbroken


@pytest.fixture(params=["wal", "truncate"])
def journal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("opro_local.store.database.wal_is_safe", lambda _: request.param == "wal")
    return str(request.param)


@pytest.fixture
def disk() -> Iterator[FullDisk]:
    vfs = FullDisk()
    yield vfs
    vfs.unregister()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # raised inside SQLite's callback
@STRIDES
@pytest.mark.usefixtures("journal")
def test_a_disk_that_fills_up_at_any_write_costs_at_most_one_block(
    tmp_path: Path, unbroken: dict[str, object], disk: FullDisk, stride: int
) -> None:
    for writes in itertools.count(0, stride):
        path = tmp_path / f"{writes}.sqlite"
        disk.room = writes
        try:
            run_to_the_end(path)
        except StoreError as error:
            assert "the disk is full" in str(error)
            assert "opro-local resume" in str(error)
            assert "\n" not in str(error)
        full, disk.room = disk.room < 0, sys.maxsize
        run_to_the_end(path)
        assert document(path) == unbroken
        if not full:
            break
    assert writes > 150


def test_an_io_error_on_a_disk_without_room_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="cannot be read or written"), explained(tmp_path / "r"):
        raise apsw.IOError("disk I/O error")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 4096})())
    with pytest.raises(StoreError, match="disk is full"), explained(tmp_path / "r"):
        raise apsw.IOError("disk I/O error")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EACCES, "denied")],
)
def test_the_operating_systems_errors_become_one_line(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(StoreError, match=words), explained(tmp_path / "r"):
        raise OSError(number, os.strerror(number))


def test_a_lock_that_does_not_go_away_means_busy(tmp_path: Path) -> None:
    with pytest.raises(StoreBusy, match="another process"), explained(tmp_path / "r"):
        raise apsw.BusyError("database is locked")


@contextmanager
def refused(path: Path, words: str) -> Iterator[None]:
    """Whatever is tried with the file ends in StoreError, and the file stays as it is."""
    before = path.read_bytes()
    with pytest.raises(StoreError, match=words):
        RunFile.open(path, CandidateCodec(), write=True)
    yield
    assert path.read_bytes() == before


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "r.sqlite"
    run_to_the_end(path)
    return path


def test_a_newer_run_is_refused_and_left_alone(finished: Path) -> None:
    with apsw.Connection(str(finished)) as database:
        database.pragma("user_version", VERSION + 1)
        database.pragma("journal_mode", "delete")
    database.close()
    with refused(finished, f"schema version {VERSION + 1}.*Update opro-local"):
        with pytest.raises(StoreError, match="Update"):
            run_document(finished)
        with pytest.raises(StoreError, match="Update"):
            read_header(finished)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_text("Dear diary, " * 500)
    with refused(path, "damaged or not a run file"), pytest.raises(StoreError, match="not a run file"):
        run_document(path)


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    database = apsw.Connection(str(path))
    database.execute("CREATE TABLE t (a); PRAGMA user_version = 7")
    database.close()
    with refused(path, "is not a run file"), pytest.raises(StoreError, match="not a run file"):
        run_document(path)


@pytest.mark.parametrize("kept", [1, 50, 5000, -1])
def test_a_truncated_run_is_refused_and_left_alone(finished: Path, kept: int) -> None:
    content = finished.read_bytes()
    finished.write_bytes(content[:kept] if kept > 0 else content[: len(content) - 4096])
    with refused(finished, "damaged|holds nothing"):
        pass


def test_a_zeroed_page_is_found_before_anything_is_written(finished: Path) -> None:
    content = bytearray(finished.read_bytes())
    content[4 * 4096 : 5 * 4096] = bytes(4096)
    finished.write_bytes(content)
    with refused(finished, "damaged"):
        pass


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE run SET summary = CAST(x'7bff7d' AS TEXT)",
        "UPDATE run SET summary = 'not JSON'",
        "UPDATE run SET summary = 'null'",
        "UPDATE run SET models = '[{}]'",
        "DELETE FROM run",
        "ALTER TABLE run RENAME COLUMN models TO others",
    ],
    ids=["no UTF-8", "no JSON", "null", "fields missing", "no row", "no column"],
)
def test_a_header_that_makes_no_sense_is_damage(finished: Path, damage: str) -> None:
    spoil(finished, damage)
    for reader in (read_header, run_document, read_overview):
        if reader is read_header and "'null'" in damage:
            continue  # whoever builds the problem again does not look at the summary
        with pytest.raises(StoreError, match="is damaged"):
            reader(finished)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE evaluation SET score = '{}'",
        "UPDATE scored SET score = '[]'",
        "UPDATE proposal SET solution = '{}' WHERE solution IS NOT NULL",
        "UPDATE outcome SET choice_log_probs = x'010203040506070809'",
    ],
    ids=["score without fields", "score of another kind", "solution without fields", "half a float"],
)
def test_a_row_that_makes_no_sense_is_damage(finished: Path, damage: str) -> None:
    spoil(finished, damage)
    with pytest.raises(StoreError, match="is damaged"):
        run_document(finished)


def spoil(path: Path, statement: str) -> None:
    database = apsw.Connection(str(path))
    database.execute(statement)
    database.close()


def test_an_empty_file_says_that_its_run_never_began(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    path.touch()
    with refused(path, "cut off while starting"):
        pass


def test_a_run_that_cannot_be_started_leaves_no_file(tmp_path: Path, disk: FullDisk) -> None:
    path = tmp_path / "r.sqlite"
    disk.room = 1
    with pytest.raises(StoreError, match="disk is full"):
        RunFile.create(path, HEADER, CandidateCodec())
    assert not path.exists()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.0", False),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.54.1", True),
    ],
)
def test_wal_is_used_only_where_sqlite_does_not_lose_commits(version: str, safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_a_run_uses_the_journal_that_is_safe(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "r.sqlite"
    with RunFile.create(path, HEADER, CandidateCodec()) as run:
        run.record_stop("reason")
        assert Path(f"{path}-wal").exists() is (journal == "wal")
        assert Path(f"{path}-journal").exists() is (journal == "truncate")
