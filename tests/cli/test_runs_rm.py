"""runs rm: what goes with a run is what no other run of the folder uses."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner
from mail_task import LABELS, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.cli import main
from opro_local.config import Folders, RunSettings
from opro_local.llm import GenerationReply
from opro_local.results.document import run_document
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host


def echo(text: str) -> str:
    """The first label to every question, and what was asked: the cache then holds the instruction's words."""
    return f"{LABELS[0]}. You said: {text}"


def searched(home: Path, monkeypatch: pytest.MonkeyPatch, seed: int, engine: ScriptedEngine) -> Path:
    play_roles(monkeypatch, engine)
    settings = {
        "models": {"scorer": "scripted"},
        "search": {"method": "opro", "proposals_per_step": 1, "headroom": 0, "sensitivity": 0, "seed": seed},
        "scoring": {"mode": "generation", "answer_tokens": 500},
        "budget": {"steps": 1},
    }
    host = Host(folders=Folders.of_user(home))
    return optimize_task(mail_task(), RunSettings.model_validate(settings), host=host)


def proposing(instruction: str) -> ScriptedEngine:
    return ScriptedEngine(reply=echo, samples=[[f"{instruction}</INS>"]])


def remove(home: Path, run: Path) -> None:
    result = CliRunner().invoke(main, ["--home", str(home), "runs", "rm", run.stem, "--yes"])
    assert result.exit_code == 0, result.output


def bytes_below(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_another_run_is_still_answered_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = searched(tmp_path, monkeypatch, 1, proposing("Of elder trees."))
    stays = searched(tmp_path, monkeypatch, 2, proposing("Of willows."))
    assert b"elder trees" in bytes_below(tmp_path)
    remove(tmp_path, gone)
    assert b"elder trees" not in bytes_below(tmp_path)
    silent = ScriptedEngine()  # it has no answer to anything
    again = searched(tmp_path, monkeypatch, 2, silent)
    assert not silent.generated and not silent.sampled
    assert run_document(again)["best"] == run_document(stays)["best"]
    remove(tmp_path, again)
    assert b"Of willows." in (tmp_path / "runs" / "cache.sqlite").read_bytes(), "the other one uses it"
    remove(tmp_path, stays)
    assert b"willows" not in bytes_below(tmp_path)


def test_replies_of_which_nobody_knows_whose_they_are_go_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of caches that earlier versions wrote, and of measurements."""
    searched(tmp_path, monkeypatch, 1, proposing("Of elder trees."))
    with closing(apsw.Connection(str(tmp_path / "runs" / "cache.sqlite"))) as cache:
        cache.execute("DROP TABLE use")
    silent = ScriptedEngine()
    searched(tmp_path, monkeypatch, 1, silent)
    assert not silent.generated, "an older cache is still of use"
    replies = tmp_path / "runs" / "cache.sqlite"
    with closing(ReplyCacheFile(replies)) as measurement:
        measurement.keep({"key": GenerationReply(text="Of willows.", tokens=5, ended="end")})
    remove(tmp_path, searched(tmp_path, monkeypatch, 2, proposing("Of oaks.")))
    assert b"Of elder trees." in replies.read_bytes(), "the second run has used them"
    assert b"willows" not in bytes_below(tmp_path)
