"""What people ask of a run from the command line, and what they get to see of it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mail_task import mail_model, mail_task
from scripted_engine import ScriptedEngine
from scripted_models import play_roles

from opro_local.api import Host, optimize_task, resume_run
from opro_local.cli import main
from opro_local.config import Folders, RunSettings
from opro_local.errors import Interrupted

OWN = "Read twice."


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that was cut off before its first step."""

    def cut_off() -> None:
        raise Interrupted("stopped")

    engine = ScriptedEngine(
        log_prob=mail_model({}, otherwise=7), samples=[["sort it.</INS>"], ["Look.</INS>"]]
    )
    play_roles(monkeypatch, engine)
    search = {"method": "opro", "proposals_per_step": 1, "headroom": 0, "sensitivity": 0}
    settings = RunSettings.model_validate(
        {"models": {"scorer": "scripted"}, "search": search, "budget": {"steps": 2}}
    )
    host = Host(folders=Folders.of_user(tmp_path), after_commit=cut_off)
    with pytest.raises(Interrupted):
        optimize_task(mail_task(), settings, host=host)
    (path,) = [path for path in host.folders.runs.glob("*.sqlite") if path.name != "cache.sqlite"]
    return path.stem


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def call(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def resumed(home: Path, run: str) -> None:
    host = Host(folders=Folders.of_user(home))
    resume_run(host.folders.runs / f"{run}.sqlite", host=host)


def test_an_edit_replaces_one_instruction_by_another(home: Path, run: str) -> None:
    assert call(home, "prompts", "edit", run, "SORT  it.", OWN).exit_code == 0
    waiting = call(home, "prompts", "list", run).output.splitlines()
    assert [line.split()[:2] for line in waiting] == [["ban", "waiting"], ["add", "waiting"]]
    resumed(home, run)
    document = json.loads(call(home, "export", run).stdout)
    found = {p["text"]: (p["origin"], p["reason"]) for s in document["steps"] for p in s["proposals"]}
    assert found[OWN] == ("human", None)
    assert found["sort it.</INS>"] == ("opro", "banned")
    events = [json.loads(line) for line in call(home, "prompts", "list", run, "--json").stdout.splitlines()]
    assert [(event["kind"], event["step"]) for event in events] == [("ban", 1), ("add", 1)]


def test_a_rejected_instruction_says_why(home: Path, run: str) -> None:
    assert call(home, "prompts", "add", run, "</INS>").exit_code == 0
    resumed(home, run)
    assert "rejected: contains a tag" in call(home, "prompts", "list", run).output


def test_stop_ends_the_search_and_the_end_is_measured(home: Path, run: str) -> None:
    assert call(home, "prompts", "stop", run).exit_code == 0
    resumed(home, run)
    document = json.loads(call(home, "export", run).stdout)
    assert document["stop_reason"] == "stopped by a person"
    assert document["status"] == "finished" and document["test"] is not None
    late = call(home, "prompts", "add", run, OWN)
    assert late.exit_code == 2 and "has stopped" in late.output


def test_a_wrong_pattern_is_one_line(home: Path, run: str) -> None:
    result = call(home, "prompts", "ban", run, "(", "--pattern")
    assert result.exit_code == 2 and "is no regular expression" in result.output
    assert call(home, "prompts", "list", run).output == ""
