"""Which file of a folder of runs is meant."""

from dataclasses import replace
from pathlib import Path

import pytest
from store_script import HEADER, CandidateCodec

from opro_local.errors import SettingsError, StoreBusy, StoreError
from opro_local.llm import GenerationReply
from opro_local.store import lease
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import RunFile
from opro_local.store.run_folder import RunFolder


@pytest.fixture
def runs(tmp_path: Path) -> RunFolder:
    """Three runs, of which the middle one is finished, and a cache beside them."""
    folder = RunFolder(tmp_path)
    for run_id in ("20260101-a", "20260102-b", "20260102-c"):
        with RunFile.create(folder.file(run_id), replace(HEADER, run_id=run_id), CandidateCodec()) as store:
            if run_id.endswith("b"):
                store.record_finish()
    folder.reply_cache.write_bytes(b"no run")
    return folder


def test_a_run_is_found_by_id_by_the_beginning_of_its_id_and_by_path(runs: RunFolder) -> None:
    first = runs.file("20260101-a")
    assert [runs.find(name) for name in ("20260101-a", "20260101", str(first))] == [first] * 3


@pytest.mark.parametrize(
    ("name", "words"), [("20260102", "2 runs begin with"), ("x", "No run 'x'"), ("", "No run")]
)
def test_a_name_of_none_or_of_several_is_refused(runs: RunFolder, name: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        runs.find(name)


def test_the_newest_is_the_last_that_can_be_read(runs: RunFolder) -> None:
    unreadable: list[StoreError] = []
    assert runs.newest(unreadable.append) == runs.file("20260102-c")
    runs.file("20260102-c").write_bytes(b"broken")
    assert runs.newest(unreadable.append) == runs.file("20260102-b")
    assert len(unreadable) == 1
    assert runs.newest(unreadable.append, unfinished=True) == runs.file("20260101-a")


def test_one_that_is_being_written_is_not_the_one_to_go_on_with(runs: RunFolder) -> None:
    with lease.writing(runs.file("20260102-c")):
        assert runs.newest(print, unfinished=True) == runs.file("20260101-a")
    assert runs.newest(print, unfinished=True) == runs.file("20260102-c")


def test_the_cache_is_no_run(runs: RunFolder) -> None:
    assert [path.stem for path in runs.files()] == ["20260101-a", "20260102-b", "20260102-c"]


def test_a_removed_run_leaves_neither_its_files_nor_a_cached_reply(runs: RunFolder) -> None:
    runs.reply_cache.unlink()
    cache = ReplyCacheFile(runs.reply_cache)
    cache.keep({"key": GenerationReply(text="a secret of the clinic", tokens=5, ended="end")})
    cache.close()
    gone = runs.file("20260102-b")
    runs.remove(gone)
    assert not [path for path in runs.path.iterdir() if path.name.startswith(gone.name)]
    assert len(runs.files()) == 2
    assert b"secret" not in b"".join(path.read_bytes() for path in runs.path.iterdir())
    assert not ReplyCacheFile(runs.reply_cache).find(["key"])


def test_a_run_that_is_being_written_is_not_removed(runs: RunFolder) -> None:
    path = runs.file("20260101-a")
    with lease.writing(path), pytest.raises(StoreBusy):
        runs.remove(path)
    assert path.exists()
