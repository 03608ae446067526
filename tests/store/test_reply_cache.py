import logging
import math
import multiprocessing
import stat
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from opro_local.llm import ChoiceReply, GenerationReply
from opro_local.recording import ReplyCache
from opro_local.store.reply_cache import ReplyCacheFile

CHOICE = ChoiceReply(log_probs=(-0.1 - 0.2, -math.inf))
GENERATED = GenerationReply(text="é\n42", tokens=3, ended="final")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "cache.sqlite"


def test_replies_are_found_by_the_next_process(path: Path) -> None:
    cache: ReplyCache = ReplyCacheFile(path)
    cache.keep({"c": CHOICE, "g": GENERATED})
    assert ReplyCacheFile(path).find(["g", "missing", "c"]) == {"c": CHOICE, "g": GENERATED}


def test_the_first_reply_to_a_key_stays(path: Path) -> None:
    cache = ReplyCacheFile(path)
    later = GenerationReply(text="later", tokens=1, ended="end")
    cache.keep({"k": GENERATED})
    cache.keep({"k": later, "other": later})
    assert cache.find(["k", "other"]) == {"k": GENERATED, "other": later}


def test_failures_are_not_kept(path: Path) -> None:
    cache = ReplyCacheFile(path)
    cache.keep(
        {
            "nan": ChoiceReply(log_probs=(-1.0, math.nan)),
            "stopped": GenerationReply(text="4", tokens=1, ended="nan"),
            "fine": CHOICE,
        }
    )
    assert cache.find(["nan", "stopped", "fine"]) == {"fine": CHOICE}


def test_many_keys_are_found_at_once(path: Path) -> None:
    cache = ReplyCacheFile(path)
    replies = {f"k{n}": ChoiceReply(log_probs=(-float(n),)) for n in range(40_000)}
    cache.keep(replies)
    assert cache.find(list(replies)) == replies


def test_several_processes_share_one_file(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.starmap(_fill, [(path, worker) for worker in range(3)]) == ["done"] * 3
    cache = ReplyCacheFile(path)
    keys = ["shared", *(f"{worker}/{n}" for worker in range(3) for n in range(50))]
    assert len(cache.find(keys)) == 151


def _fill(path: Path, worker: int) -> str:
    cache = ReplyCacheFile(path)
    for n in range(50):
        cache.keep({f"{worker}/{n}": CHOICE, "shared": GENERATED})
        assert cache.find([f"{worker}/{n}"]) == {f"{worker}/{n}": CHOICE}
    return "done"


def _damage(path: Path) -> None:
    path.write_text("not a database " * 1000)


def _make_newer(path: Path) -> None:
    with apsw.Connection(str(path)) as database:
        database.pragma("user_version", 99)
    database.close()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [_damage, _make_newer, _empty])
def test_a_file_that_cannot_be_used_is_replaced_with_a_warning(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = ReplyCacheFile(path)
    cache.keep({"k": CHOICE})
    cache.close()
    spoil(path)
    with caplog.at_level(logging.WARNING):
        fresh = ReplyCacheFile(path)
    assert "starting an empty one" in caplog.text
    assert fresh.find(["k"]) == {}
    fresh.keep({"k": GENERATED})
    fresh.close()
    assert ReplyCacheFile(path).find(["k"]) == {"k": GENERATED}


def test_a_cache_that_fails_later_is_given_up_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uses: list[Callable[[ReplyCacheFile], object]] = [_find, _keep]
    for use in uses:
        cache = ReplyCacheFile(path)
        spoiler = apsw.Connection(str(path))
        spoiler.execute("DROP TABLE reply")
        spoiler.close()
        with caplog.at_level(logging.WARNING):
            use(cache)
        assert "going on without the reply cache" in caplog.text
        caplog.clear()
        cache.keep({"k": CHOICE})
        assert cache.find(["k"]) == {}
        assert caplog.text == ""
        path.unlink()


def _block_file(path: Path) -> None:
    path.mkdir(parents=True)


def _block_folder(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")


@pytest.mark.parametrize("block", [_block_file, _block_folder])
def test_where_no_cache_can_be_opened_the_run_goes_on_without_one(
    path: Path, block: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    block(path)
    with caplog.at_level(logging.WARNING):
        cache = ReplyCacheFile(path)
    assert "going on without the reply cache" in caplog.text
    cache.keep({"k": CHOICE})
    assert cache.find(["k"]) == {}
    cache.close()


def _find(cache: ReplyCacheFile) -> object:
    return cache.find(["k"])


def _keep(cache: ReplyCacheFile) -> None:
    cache.keep({"k": CHOICE})


def test_only_its_owner_can_read_the_cache(path: Path) -> None:
    ReplyCacheFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE reply SET log_probs = x'010203' WHERE key = 'c'",
        "UPDATE reply SET log_probs = NULL WHERE key = 'c'",
    ],
)
def test_a_damaged_reply_is_a_miss(path: Path, damage: str) -> None:
    ReplyCacheFile(path).keep({"c": CHOICE, "g": GENERATED})
    database = apsw.Connection(str(path))
    database.execute(damage)
    database.close()
    assert ReplyCacheFile(path).find(["c", "g"]) == {"g": GENERATED}
