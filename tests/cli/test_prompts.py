"""What people ask of a run from the command line, and what they get to see of it."""

import json
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task, resume_run
from opro_local.cli import main
from opro_local.config import Folders, RunSettings
from opro_local.errors import Interrupted, SettingsError
from opro_local.problem import NullWatcher
from opro_local.store.events import ask
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host

OWN = "Read twice."


def play(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that proposes these, one a step."""
    samples = [[f"{text}</INS>"] for text in ("sort it.", "Look.", "Think.")]
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model({}, otherwise=7), samples=samples))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that was cut off before its first step."""

    def cut_off() -> None:
        raise Interrupted("stopped")

    play(monkeypatch)
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
    assert [(event["kind"], event["step"], event["block"]) for event in events] == [
        ("ban", 0, 0),
        ("add", 0, 0),
    ]


def test_a_rejected_instruction_says_why(home: Path, run: str) -> None:
    assert call(home, "prompts", "add", run, "</INS>").exit_code == 0
    resumed(home, run)
    assert "rejected: contains a tag" in call(home, "prompts", "list", run).output


def test_an_instruction_that_is_heard_and_not_proposed_yet_is_not_called_rejected(
    home: Path, run: str
) -> None:
    """The optimizer may take minutes between the two."""
    assert call(home, "prompts", "add", run, OWN).exit_code == 0
    path = Folders.of_user(home).runs / f"{run}.sqlite"
    with closing(apsw.Connection(str(path))) as database:
        database.execute("UPDATE event SET step = 1, block = 0")
    assert "rejected" not in call(home, "prompts", "list", run).output
    with closing(apsw.Connection(str(path))) as database:
        database.execute("UPDATE run SET stop_reason = 'budget of 0 steps used'")
    assert "rejected: the search had ended" in call(home, "prompts", "list", run).output


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


def test_an_instruction_is_scored_in_the_step_that_is_being_scored(home: Path, run: str) -> None:
    """Asked after the first block of step 1, by another connection."""
    path = Folders.of_user(home).runs / f"{run}.sqlite"
    host = Host(folders=Folders.of_user(home), after_commit=After(path, commits=3))
    resume_run(path, host=host)
    (event,) = [json.loads(line) for line in call(home, "prompts", "list", run, "--json").stdout.splitlines()]
    assert (event["step"], event["block"], event["reason"]) == (1, 1, None)
    document = json.loads(call(home, "export", run).stdout)
    step = document["steps"][1]
    assert [(p["text"], p["origin"]) for p in step["proposals"]][:1] == [(OWN, "human")]
    assert {p["score"]["n"] for p in step["proposals"] if p["score"]} == {8}


@pytest.mark.parametrize("kill", range(4, 9))
def test_a_run_that_is_killed_after_it_heard_goes_the_same_way(
    home: Path, run: str, kill: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Folders.of_user(home).runs / f"{run}.sqlite"
    whole = home / "runs" / "whole.sqlite"
    whole.write_bytes(path.read_bytes())
    resume_run(whole, host=Host(folders=Folders.of_user(home), after_commit=After(whole, commits=3)))
    play(monkeypatch)
    with pytest.raises(Interrupted):
        resume_run(path, host=Host(folders=Folders.of_user(home), after_commit=After(path, 3, kill)))
    resumed(home, run)
    assert trajectory_of(home, run) == trajectory_of(home, str(whole))


def test_a_paused_run_waits_and_goes_on(home: Path, run: str) -> None:
    path = Folders.of_user(home).runs / f"{run}.sqlite"
    waits: list[str] = []

    class Watching(NullWatcher):
        def paused(self) -> None:
            waits.append("paused")
            assert call(home, "prompts", "continue", run).exit_code == 0

    assert call(home, "prompts", "pause", run).exit_code == 0
    host = Host(folders=Folders.of_user(home), watcher=Watching())
    resume_run(path, host=host)  # whoever resumes a paused run wants it to go on
    assert waits == []
    assert json.loads(call(home, "export", run).stdout)["status"] == "finished"


def test_a_budget_can_be_extended(home: Path, run: str) -> None:
    assert call(home, "prompts", "extend", run, "1", "steps").exit_code == 0
    assert call(home, "prompts", "extend", run, "100", "tokens").exit_code == 0  # which are not limited
    resumed(home, run)
    document = json.loads(call(home, "export", run).stdout)
    assert (len(document["steps"]), document["stop_reason"]) == (4, "budget of 3 steps used")


class After:
    """Asks for OWN at a commit, and stops the run at another."""

    def __init__(self, path: Path, commits: int, kill: int | None = None) -> None:
        self.path, self.commits, self.kill, self.count = path, commits, kill, 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.commits:
            ask(self.path, "add", OWN)
        if self.count == self.kill:
            raise Interrupted("stopped")


def trajectory_of(home: Path, name: str) -> list[object]:
    steps = json.loads(call(home, "export", name).stdout)["steps"]
    return [(p["text"], p["origin"], p["reason"], p["score"]) for s in steps for p in s["proposals"]]


@pytest.mark.parametrize(
    "words", [["add", OWN], ["ban", "x"], ["ban", "x", "--pattern"], ["pause"], ["stop"]]
)
def test_what_a_finished_run_refuses_leaves_its_file_as_it_was(
    home: Path, run: str, words: list[str]
) -> None:
    resumed(home, run)
    path = Folders.of_user(home).runs / f"{run}.sqlite"
    before = path.read_bytes()
    refused = call(home, "prompts", words[0], run, *words[1:])
    assert refused.exit_code == 2 and "has stopped" in refused.output
    assert path.read_bytes() == before
    assert before[18:20] == b"\1\1", "a rollback journal: WAL cannot be read where nothing can be written"
    assert [each.name for each in path.parent.glob(f"{run}*") if not each.name.endswith(".lock")] == [
        path.name
    ]


def test_what_is_asked_of_a_run_that_nobody_writes_leaves_one_file(home: Path, run: str) -> None:
    path = Folders.of_user(home).runs / f"{run}.sqlite"
    assert call(home, "prompts", "add", run, OWN).exit_code == 0
    assert path.read_bytes()[18:20] == b"\1\1"


def test_a_ban_whose_time_runs_out_stops_the_run_until_it_is_taken_back(
    home: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = "(o|r)+t it"
    assert call(home, "prompts", "ban", run, pattern, "--pattern").exit_code == 0
    with (
        monkeypatch.context() as patch,
        pytest.raises(SettingsError, match=r"\(o\|r\)\+t it.*took more than"),
    ):
        patch.setattr("opro_local.interventions.compiled", lambda *_, **__: Slow())
        resumed(home, run)
    assert call(home, "prompts", "unban", run, "other").exit_code == 2
    assert call(home, "prompts", "unban", run, pattern).exit_code == 0
    resumed(home, run)
    document = json.loads(call(home, "export", run).stdout)
    assert document["status"] == "finished" and "banned" not in document["rejected"]


class Slow:
    """A pattern whose time runs out."""

    def search(self, text: str, timeout: float) -> None:
        raise TimeoutError
