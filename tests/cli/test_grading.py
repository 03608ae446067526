"""How replies are graded, as a user asks for it and is told of it."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cut_off import cut_off
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.cli.runs import find_run
from opro_local.config import Folders
from opro_local.llm import GenerationReply
from opro_local.results.verdicts import LENIENT
from opro_local.testing import ScriptedEngine

ROWS = [(f"Is {i} plausible?", "yes" if i % 2 else "no") for i in range(20)]
TASK = (
    "--model",
    "scripted",
    "--data",
    "rows.csv",
    "--text",
    "question",
    "--label",
    "answer",
    "--no-progress",
)
OWN = ("--answer", "python", "--grader", "own.py:judge")


class Silent(ScriptedEngine):
    """Proposes nothing."""

    def sample(self, request: object, n: int, **_: object) -> list[GenerationReply]:
        return [GenerationReply(text="", tokens=1, ended="end")] * n


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    monkeypatch.chdir(tmp_path)
    with Path("rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), *ROWS])
    Path("own.py").write_text("def judge(reply, target): return 'or' in reply\n", encoding="utf-8")
    engine = Silent(reply=lambda _text: "yes or no")
    play_roles(monkeypatch, engine)
    return engine


def call(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [command, *TASK, *arguments])


def figures(*arguments: str) -> list[float]:
    result = call("score", "-i", "", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [score["value"] for score in json.loads(result.stdout)["scores"]]


def test_a_hedged_answer_counts_in_official_grading_alone() -> None:
    boolean = ("--answer", "boolean", "--scoring", "generation")
    assert figures(*boolean) == [0.0]
    assert figures(*boolean, "--grading", "official") == [1.0]


def test_every_report_of_official_grading_says_so() -> None:
    official = ("--answer", "boolean", "--grading", "official")
    assert call("score", "-i", "", *official).stdout.splitlines()[0] == LENIENT
    assert json.loads(call("score", "-i", "", "--json", *official).stdout)["grading"] == "official"
    shown = call("run", "--steps", "0", *official)
    assert f"  {LENIENT}" in shown.stdout.splitlines(), shown.output
    listed = CliRunner().invoke(main, ["runs", "list"]).stdout
    assert listed.endswith("official grading\n")
    document = json.loads(CliRunner().invoke(main, ["export"]).stdout)
    assert document["task"]["grading"] == "official"


def test_no_report_of_strict_grading_says_so() -> None:
    boolean = ("--answer", "boolean", "--scoring", "generation")
    assert LENIENT not in call("score", "-i", "", *boolean).stdout
    assert LENIENT not in call("run", "--steps", "0", *boolean).stdout
    assert "leniently" not in CliRunner().invoke(main, ["runs", "list"]).stdout


def test_likelihood_scoring_and_official_grading_are_refused_together() -> None:
    result = call("run", "--answer", "boolean", "--grading", "official", "--scoring", "likelihood")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has no replies to read" in result.stderr


def test_an_own_grader_runs_when_it_is_allowed() -> None:
    refused = call("score", "-i", "", *OWN)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "pass --allow-python" in refused.stderr
    assert figures(*OWN, "--allow-python") == [1.0]


def test_a_run_with_an_own_grader_goes_on_with_the_same_file_and_when_it_is_allowed() -> None:
    assert call("run", "--steps", "0", *OWN, "--allow-python").exit_code == 0
    runner = CliRunner()
    name = json.loads(runner.invoke(main, ["export"]).stdout)["run"]
    path = cut_off(find_run(Folders.of_user().runs, name))
    assert "pass --allow-python" in runner.invoke(main, ["resume", name]).stderr
    assert runner.invoke(main, ["resume", name, "--allow-python"]).exit_code == 0
    Path("own.py").write_text("def judge(reply, target): return True\n", encoding="utf-8")
    cut_off(path)
    result = runner.invoke(main, ["resume", name, "--allow-python"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has changed since the run began" in result.stderr


def test_an_own_grader_that_fails_ends_the_run_and_the_score_at_once() -> None:
    Path("own.py").write_text("def judge(reply, target):\n    return target in repl\n", encoding="utf-8")
    for command in (["run", "--steps", "1"], ["score", "-i", ""]):
        result = call(*command, *OWN, "--allow-python")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "own.py line 2: judge raised NameError: name 'repl' is not defined." in result.stderr


def test_an_own_grader_gives_scores_where_their_mean_is_asked_for() -> None:
    Path("own.py").write_text("def judge(reply, target): return 0.5\n", encoding="utf-8")
    assert figures(*OWN, "--allow-python", "--metric", "mean_score") == [0.5]
    refused = call("score", "-i", "", *OWN, "--allow-python")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "judge returned 0.5. Return True or False. To score" in refused.stderr


def test_what_an_own_grader_prints_stands_in_no_json() -> None:
    Path("own.py").write_text("print('hello')\ndef judge(reply, target): return print(reply) or True\n")
    assert figures(*OWN, "--allow-python") == [1.0]
