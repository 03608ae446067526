"""Which file of a folder of runs is meant."""

from contextlib import closing
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


def keep(runs: RunFolder, run: str | None, **texts: str) -> None:
    with closing(ReplyCacheFile(runs.reply_cache, run)) as cache:
        cache.keep({key: GenerationReply(text=text, tokens=5, ended="end") for key, text in texts.items()})


def found(runs: RunFolder, run: str | None, *keys: str) -> set[str]:
    with closing(ReplyCacheFile(runs.reply_cache, run)) as cache:
        return set(cache.find(keys))


def test_a_removed_run_leaves_neither_its_files_nor_replies_that_only_it_used(runs: RunFolder) -> None:
    runs.reply_cache.unlink()
    gone, other = runs.file("20260102-b"), "20260101-a"
    keep(runs, gone.stem, own="a secret of the clinic", asked="asked twice", found="found by another")
    keep(runs, other, asked="asked twice")
    keep(runs, None, measured="a secret of a measurement")
    keep(runs, "20250101-f", old="a secret of a run whose file was deleted by hand")
    assert found(runs, other, "found") == {"found"}
    runs.remove(gone)
    assert not [path for path in runs.path.iterdir() if path.name.startswith(gone.name)]
    assert len(runs.files()) == 2
    assert b"secret" not in b"".join(path.read_bytes() for path in runs.path.iterdir())
    assert found(runs, None, "own", "asked", "found", "measured", "old") == {"asked", "found"}


def test_nothing_stays_in_the_log_of_a_cache_that_another_run_has_open(runs: RunFolder) -> None:
    runs.reply_cache.unlink()
    gone, other = runs.file("20260102-b"), "20260101-a"
    with closing(ReplyCacheFile(runs.reply_cache, other)) as open_cache:
        open_cache.keep({"kept": GenerationReply(text="kept", tokens=1, ended="end")})
        keep(runs, gone.stem, own="a secret of the clinic")
        runs.remove(gone)
        assert b"secret" not in b"".join(path.read_bytes() for path in runs.path.iterdir())
        assert set(open_cache.find(["kept", "own"])) == {"kept"}


def test_a_run_that_is_being_written_is_not_removed(runs: RunFolder) -> None:
    path = runs.file("20260101-a")
    with lease.writing(path), pytest.raises(StoreBusy):
        runs.remove(path)
    assert path.exists()
