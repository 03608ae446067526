"""solve as a user meets it, the optimizer scripted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cut_off import cut_off
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.errors import Interrupted
from opro_local.problems import objectives
from opro_local.problems.mathematical import MathematicalProblem
from opro_local.problems.objective import Numbers
from opro_local.problems.objectives import box
from opro_local.recording import OutcomeLedger
from opro_local.records import Scored, Step, Trajectory
from opro_local.testing import ScriptedEngine

NO_LUCK = ["w=11, b=11]", "no]"]
SOLVED = ["w=15, b=14]", "w=12, b=11]"]
PAIRS = ("linear-regression", "--proposals-per-step", "2")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedEngine]:
    def says(*samples: list[str]) -> ScriptedEngine:
        engine = ScriptedEngine(samples=samples)
        play_roles(monkeypatch, engine)
        return engine

    return says


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", ".", *arguments])


def solve(*arguments: str) -> Result:
    return call("solve", *arguments, "--model", "scripted", "--no-progress")


def test_repeats_are_reported_one_by_one_and_together(says: Callable[..., ScriptedEngine]) -> None:
    engine = says(NO_LUCK, SOLVED, NO_LUCK, NO_LUCK)
    result = solve(*PAIRS, "--repeats", "2", "--steps", "2")
    assert result.exit_code == 0, result.output
    assert "best solution: 15, 14, found in step 2" in result.output
    assert "solved in step 2" in result.output and "not solved" in result.output
    assert "1 of 2 runs solved the problem" in result.output
    assert "steps until solved: 2.0\n" in result.output
    assert "5.8±2.6 40.0±12.4" in result.output
    assert "least squares" in result.output and "the true pair" in result.output
    prompts = [prompt for prompt, *_ in engine.sampled]
    assert prompts[0] != prompts[2], "the second run has data of its own"


def test_json_holds_the_runs_and_their_summary(says: Callable[..., ScriptedEngine]) -> None:
    says(NO_LUCK, SOLVED)
    result = solve(*PAIRS, "--repeats", "1", "--json")
    document = json.loads(result.stdout)
    (run,) = document["runs"]
    assert run["kind"] == "linear-regression" and run["stop_reason"] == "solved"
    assert run["objective"]["solved_at"] == 2
    explored = len(run["steps"][0]["proposals"]) + 3
    assert run["objective"]["explored"] == explored
    assert run["rejected"] == {"wrong number of numbers": 1}
    assert document["summary"]["steps"] == {"mean": 2, "deviation": None}
    shown = json.loads(call("runs", "show", run["run"], "--json").stdout)
    assert shown["objective"] == run["objective"]
    assert "solved in step 2" in call("runs", "show").output
    table = call("export", "--to", "csv").stdout.splitlines()
    assert len(table) == 1 + explored


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    says: Callable[..., ScriptedEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(NO_LUCK, SOLVED)
    whole = json.loads(solve(*PAIRS, "--repeats", "1", "--json").stdout)["runs"][0]
    says(NO_LUCK, SOLVED)

    evaluate = MathematicalProblem.evaluate

    def cut_off(
        self: MathematicalProblem, step: Step[Numbers], trajectory: Trajectory[Numbers], ledger: OutcomeLedger
    ) -> list[Scored[Numbers]]:
        if step.number == 1:
            raise Interrupted("stopped")
        return evaluate(self, step, trajectory, ledger)

    monkeypatch.setattr(MathematicalProblem, "evaluate", cut_off)
    assert solve(*PAIRS, "--repeats", "1").exit_code == 130
    monkeypatch.setattr(MathematicalProblem, "evaluate", evaluate)
    says(SOLVED)
    resumed = json.loads(call("resume", "--json", "--no-progress").stdout)
    assert [step["proposals"] for step in resumed["steps"]] == [s["proposals"] for s in whole["steps"]]
    assert resumed["objective"] == whole["objective"]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_best_solutions_are_drawn(says: Callable[..., ScriptedEngine], suffix: str) -> None:
    says(["0,1,2,3,4</trace>"] * 2, *[["no"] * 8] * 12)
    result = solve("tsp", "--nodes", "5", "--proposals-per-step", "2", "--repeats", "1", "--steps", "0",
                   "--draw", f"tour.{suffix}")  # fmt: skip
    assert result.exit_code == 0, result.output
    start = Path(f"tour.{suffix}").read_bytes()[:200]
    assert (b"<?xml" if suffix == "svg" else b"\x89PNG") in start
    assert "gap to the optimum" in result.output


def test_a_picture_that_cannot_be_written_is_told_first(says: Callable[..., ScriptedEngine]) -> None:
    says()
    for name, reason in (("no/such/folder.svg", "no folder"), ("tour.doc", "ends with none of")):
        result = solve("tsp", "--steps", "0", "--repeats", "1", "--draw", name)
        assert result.exit_code == 2
        assert reason in result.output


def test_code_of_the_users_needs_a_flag_also_when_resumed(says: Callable[..., ScriptedEngine]) -> None:
    Path("own.py").write_text("def bowl(x, y):\n    return x * x + y * y\n", encoding="utf-8")
    arguments = ("box", "--function", "own.py:bowl", "--proposals-per-step", "1", "--repeats", "1")
    assert solve(*arguments).exit_code == 2
    says(["0, 0]"], ["0, 1]"])
    assert solve(*arguments, "--steps", "1", "--allow-python").exit_code == 0
    name = json.loads(call("runs", "list", "--json").stdout)["run"]
    cut_off(Path("runs") / f"{name}.sqlite")
    result = call("resume", name)
    assert result.exit_code == 2 and "--allow-python" in result.output


def test_a_new_objective_is_one_file(
    says: Callable[..., ScriptedEngine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    source = Path(box.__file__).read_text(encoding="utf-8").replace("class Box(", "class OwnBox(")
    (folder / "own_box.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(folder)])
    shown = CliRunner().invoke(main, ["solve", "--help"]).output
    assert "own-box" in shown and "linear-regression" in shown
    Path("own.py").write_text("def bowl(x):\n    return x * x\n", encoding="utf-8")
    says(["0]"])
    result = solve("own-box", "--function", "own.py:bowl", "--dimensions", "1", "--proposals-per-step", "1",
                   "--steps", "1", "--repeats", "1", "--allow-python", "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    run = json.loads(result.stdout)["runs"][0]
    assert run["kind"] == "own-box" and run["best"]["solution"] == [0.0]


def test_a_wrong_option_is_one_line(says: Callable[..., ScriptedEngine]) -> None:
    result = solve("tsp", "--nodes", "2")
    assert result.exit_code == 2
    assert "nodes" in result.output and "Traceback" not in result.output
    assert call("solve", "knapsack").exit_code == 2


@pytest.mark.parametrize("form", ["html", "md", "json", "csv", "xlsx"])
def test_a_run_has_a_report_too(says: Callable[..., ScriptedEngine], form: str) -> None:
    says(NO_LUCK, SOLVED)
    assert solve(*PAIRS, "--repeats", "1").exit_code == 0
    result = call("report", "-o", f"r.{form}")
    assert result.exit_code == 0, result.output
    if form in ("html", "md"):
        text = Path(f"r.{form}").read_text(encoding="utf-8")
        assert "15, 14" in text and "least squares" in text
        assert form != "html" or text.count("<svg") == 2  # the search, the line


def test_two_runs_can_be_compared(says: Callable[..., ScriptedEngine]) -> None:
    says(NO_LUCK, SOLVED, NO_LUCK, SOLVED)
    solve(*PAIRS, "--repeats", "2", "--steps", "2")
    runs = [json.loads(line)["run"] for line in call("runs", "list", "--json").stdout.splitlines()]
    result = call("runs", "diff", *runs)
    assert result.exit_code == 0, result.output
    assert "15, 14" in result.output and "nothing to compare" in result.output
