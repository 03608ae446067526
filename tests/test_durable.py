"""Files that are written whole: what a kill, a full disk and other people's modes leave."""

import os
import stat
from pathlib import Path

import pytest

from opro_local.durable import write_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_bytes_are_those_given(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_file(path, "é\r\n")
    assert path.read_bytes() == "é\r\n".encode()
    write_file(path, b"\xff")
    assert path.read_bytes() == b"\xff"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("call", ["fsync", "fdopen", "replace"])
def test_whatever_fails_the_old_file_stays_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path if call == "replace" else os, call, fails)
        with pytest.raises(OSError, match="No space"):
            write_file(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_it_is_on_the_disk_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "a.json", []
    sync = os.fsync

    def watched(number: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(number).st_mode), path.exists()))
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    write_file(path, "text")
    assert synced == [(False, False), (True, True)]


def test_a_file_keeps_its_mode_and_a_new_one_has_that_given_or_the_usual(tmp_path: Path) -> None:
    kept, given, usual = tmp_path / "kept", tmp_path / "given", tmp_path / "usual"
    kept.touch(mode=0o600)
    (tmp_path / "other").touch()
    write_file(kept, "")
    write_file(given, "", mode=0o640)
    write_file(usual, "")
    assert (mode(kept), mode(given), mode(usual)) == (0o600, 0o640, mode(tmp_path / "other"))


def test_a_link_stays_one_and_a_pipe_is_written_into(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    write_file(link, "text")
    assert link.is_symlink() and (tmp_path / "file").read_text() == "text"
    write_file(Path(os.devnull), "text")
    assert not Path(os.devnull).is_file()
