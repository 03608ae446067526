"""score as a user meets it: the table of given instructions, and what a run has found on another task."""

import csv
import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.cli.runs import find_run
from opro_local.config import Folders, RunSettings
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.records import Candidate
from opro_local.results.winner import Winner
from opro_local.testing import ScriptedEngine

START = "Which of these is it: fintech, seed?"
SKILLS = {"": 6, START: 9, "Sort it well.": 12, "Read twice.": 16, STEP_BY_STEP: 8}
DATA = ("--id", "id", "--text", "mail", "--label", "kind")
PLAIN = ("--calibration", "none", "--no-progress")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [(row.id, row.text, row.target) for row in mail_task().examples]
    with Path("mails.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "mail", "kind"), *rows])
    return tmp_path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    engine = ScriptedEngine(
        log_prob=mail_model(SKILLS), samples=[("Sort it well.</INS>", "Read twice.</INS>")]
    )
    play_roles(monkeypatch, engine)
    return engine


def score(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["score", "--data", "mails.csv", *DATA, *PLAIN, *arguments])
    assert result.exit_code == 0, result.output
    return result


def figures(score: dict[str, Any]) -> tuple[float, int]:
    return score["value"], score["n"]


def alone(*arguments: str) -> Result:
    """Without a table."""
    result = CliRunner().invoke(main, ["score", "--no-progress", *arguments])
    assert result.exit_code == 0, result.output
    return result


def scores(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(score("--json", *arguments).stdout)["scores"]
    return found


def run(*arguments: str) -> str:
    """A short run on the mails; its id."""
    words = ["run", "--model", "scripted", "--data", "mails.csv", *DATA, *PLAIN, "--method", "opro"]
    words += ["--steps", "1", "--proposals-per-step", "2", "--exemplars", "1", "--headroom", "0"]
    words += ["--sensitivity", "0", "--json", *arguments]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["run"])


class TestTable:
    """Test holds the rows 3, 6, 7, 8, 9, 16, 17 and 18."""

    def test_all_rows_make_a_line_an_instruction(self, model: ScriptedEngine) -> None:
        result = score("--model", "scripted", "--on", "all", "-i", "Read twice.", "-i", "")
        assert result.stdout.splitlines() == [
            "source  position  train (n=12)  test (n=8)  overall (n=20)  instruction, by accuracy",
            "given   Q_begin          0.917       0.625           0.800  Read twice.",
            "given   Q_begin          0.417       0.125           0.300  (empty)",
        ]

    def test_the_same_figures_are_json(self, model: ScriptedEngine) -> None:
        (found,) = scores("--model", "scripted", "--on", "all", "-i", "Read twice.", "--position", "Q_begin")
        assert (found["source"], found["position"], found["shots"]) == ("given", "Q_begin", [])
        figures = {part: (found[part]["value"], found[part]["n"]) for part in ("train", "test", "overall")}
        assert figures == {"train": (11 / 12, 12), "test": (5 / 8, 8), "overall": (16 / 20, 20)}

    def test_rows_that_are_shown_are_not_measured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model({}, otherwise=20)))
        (found,) = scores("--model", "scripted", "--on", "all", "-i", "x", "--shots", "2")
        assert (len(found["shots"]), found["train"]["n"], found["overall"]["n"]) == (2, 10, 18)

    def test_test_rows_are_noted_as_used(self, model: ScriptedEngine) -> None:
        score("--model", "scripted", "--on", "all", "-i", "Read twice.")
        shown = CliRunner().invoke(main, ["runs", "show", run()])
        assert "test set reuse: 1 earlier look at these test rows" in shown.stdout


class TestTransfer:
    def test_the_winner_stands_first_beside_the_baselines_of_its_run(self, model: ScriptedEngine) -> None:
        result = score("--run", run(), "--on", "test")
        assert result.stdout.splitlines() == [
            "source    position  test (n=8)  instruction, by accuracy",
            "winner    Q_begin        0.625  Read twice.",
            "baseline  Q_begin        0.125  (empty)",
            f"baseline  Q_begin        0.500  {START}",
            f"baseline  Q_begin        0.375  {STEP_BY_STEP}",
        ]

    def test_a_winner_that_is_a_baseline_stands_there_once(self, model: ScriptedEngine) -> None:
        found = scores("--run", run("--steps", "0"))
        assert [row["source"] for row in found] == ["winner", "baseline", "baseline"]
        assert len({row["instruction"] for row in found}) == 3

    def test_given_instructions_may_stand_beside_them(self, model: ScriptedEngine) -> None:
        found = scores("--run", run(), "-i", "Sort it well.")
        assert [row["source"] for row in found] == ["winner", *["baseline"] * 3, "given"]

    def test_a_calibration_goes_where_the_labels_are_the_same(self) -> None:
        winner = Candidate(instruction="x", calibration=(0.5, -0.5))
        settings = RunSettings.model_validate({"models": {"scorer": "scripted"}})
        found = Winner(run="x", task=mail_task(), settings=settings, candidates=(("winner", winner),))
        assert found.carried(mail_task(8)) == [("winner", winner)]
        others = replace(mail_task(), labels=("seed", "fintech"))
        assert found.carried(others) == [("winner", replace(winner, calibration=()))]

    def test_the_winner_is_measured_on_another_kind_of_task(self, monkeypatch: pytest.MonkeyPatch) -> None:
        name = self._always_right(monkeypatch)
        Path("MultiArith.json").write_text(
            json.dumps([{"sQuestion": f"{i} + 0?", "lSolutions": [float(i % 2)]} for i in range(10)]),
            encoding="utf-8",
        )
        words = ["score", "--run", name, "--benchmark", "multiarith", "--data", ".", "--on", "all", "--json"]
        result = CliRunner().invoke(main, [*words, "--no-progress"])
        assert result.exit_code == 0, result.output
        winner = json.loads(result.stdout)["scores"][0]
        assert (winner["source"], winner["overall"]["value"], winner["overall"]["n"]) == ("winner", 0.5, 10)

    def test_the_position_of_the_run_is_kept_unless_another_is_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = self._always_right(monkeypatch, "--position", "Q_end")
        assert {row["position"] for row in scores("--run", name)} == {"Q_end"}
        assert {row["position"] for row in scores("--run", name, "--position", "Q_begin")} == {"Q_begin"}

    def _always_right(self, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
        engine = ScriptedEngine(
            log_prob=lambda text: -float(text.endswith("seed")),
            reply=lambda _text: "The answer is 1.",
            samples=[("Sort it well.</INS>", "Read twice.</INS>")],
        )
        play_roles(monkeypatch, engine)
        return run(*arguments)

    def test_a_run_without_a_winner_has_nothing_to_carry(self, model: ScriptedEngine) -> None:
        name = run()
        with sqlite3.connect(
            find_run(Folders.of_user(Path(os.environ["OPRO_LOCAL_HOME"])).runs, name)
        ) as file:
            file.execute("DELETE FROM evaluation")
        result = CliRunner().invoke(main, ["score", "--run", name, "--data", "mails.csv", *DATA])
        assert result.exit_code == 2
        assert "has no measured winner. Finish it" in result.stderr

    def test_a_run_is_measured_on_its_own_task_and_rows(self, model: ScriptedEngine) -> None:
        """It was measured on the shipped example, without a word."""
        name = run("--seed", "5")
        shown = json.loads(CliRunner().invoke(main, ["runs", "show", name, "--json"]).stdout)
        Path("task.toml").write_text('data = "mails.csv"\ntext = "mail"\nlabel = "kind"\n', encoding="utf-8")
        for on in ("train", "validation", "test"):
            result = alone("--run", name, "--on", on, "--json")
            found = json.loads(result.stdout)
            assert found["task"] == f"mails, the one of run {name}"
            assert figures(found["scores"][0]) == figures(shown[on])
        assert alone("--run", name).stderr == f"task: mails, the one of run {name}\n"
        other_seed = json.loads(alone("--run", name, "--on", "test", "--json", "--seed", "9").stdout)
        assert figures(other_seed["scores"][0]) == figures(shown["test"]), "the test rows stay test rows"

    @pytest.mark.parametrize("on", ["train", "validation", "test"])
    def test_its_calibration_has_seen_no_more_of_these_rows_than_in_the_run(
        self, model: ScriptedEngine, on: str
    ) -> None:
        """On validation it had the biases of test, which are fitted on validation too."""
        name = run("--calibration", "auto", "--metric", "log_loss")
        shown = json.loads(CliRunner().invoke(main, ["runs", "show", name, "--json"]).stdout)
        found = json.loads(alone("--run", name, "--on", on, "--json").stdout)["scores"]
        assert found[0]["value"] == shown[on]["value"]
        parts = shown["finalists"] if on == "validation" else shown["baselines"] if on == "test" else []
        in_run = {entry["instruction"]: entry["value"] for entry in parts}
        beside = [row for row in found[1:] if row["instruction"] in in_run]
        assert len(beside) >= 2 or on == "train"
        assert [row["value"] for row in beside] == [in_run[row["instruction"]] for row in beside]

    def test_its_scoring_settings_are_those_of_the_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        name = self._always_right(monkeypatch, "--scoring", "generation", "--answer-tokens", "7")
        engine = ScriptedEngine(reply=lambda _text: "seed\n\n")
        play_roles(monkeypatch, engine)
        (Path(os.environ["OPRO_LOCAL_HOME"]) / "runs" / "cache.sqlite").unlink()
        alone("--run", name)
        assert {request.max_tokens for call in engine.generated for request in call} == {7}

    def test_its_position_may_be_another_one(self, model: ScriptedEngine) -> None:
        found = json.loads(alone("--run", run(), "--position", "Q_begin", "--json").stdout)
        assert {row["position"] for row in found["scores"]} == {"Q_begin"}

    @pytest.mark.parametrize("flag", [("--label", "kind"), ("--split-seed", "3"), ("--metric", "mcc")])
    def test_what_says_how_a_table_is_read_needs_a_table(self, model: ScriptedEngine, flag: Any) -> None:
        result = CliRunner().invoke(main, ["score", "--run", run(), *PLAIN, *flag])
        assert result.exit_code == 2
        assert "or name a table (--data, --benchmark or --task)" in result.stderr

    def test_a_grader_of_the_runs_task_is_not_run_unasked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("g.py").write_text("def right(reply, target):\n    return target in reply\n", encoding="utf-8")
        name = self._always_right(
            monkeypatch, "--answer", "python", "--grader", "g.py:right", "--allow-python"
        )
        refused = CliRunner().invoke(main, ["score", "--run", name, *PLAIN])
        assert refused.exit_code == 2 and "pass --allow-python" in refused.stderr
        alone("--run", name, "--allow-python")

    def test_without_a_task_the_shipped_example_is_named(self, model: ScriptedEngine) -> None:
        result = CliRunner().invoke(main, ["score", "-m", "scripted", "-i", "x", *PLAIN, "--train-rows", "2"])
        assert "task: the shipped example; --data FILE takes your own table" in result.stderr

    def test_something_to_measure_is_needed(self) -> None:
        result = CliRunner().invoke(main, ["score", "--model", "scripted", "--data", "mails.csv", *DATA])
        assert result.exit_code == 2
        assert "-i TEXT or --run RUN" in result.stderr
