"""Whole studies with a scripted model: their tables and curves, what is shared, and what a kill leaves."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from xml.etree import ElementTree

import matplotlib.image
import pytest
from click.testing import CliRunner, Result
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.errors import Interrupted
from opro_local.problems.instruction import InstructionProblem
from opro_local.testing import ScriptedEngine

STUDY = """
description = "Two sizes"
repeats = 2
[grid]
"search.shown" = [1, 20]
[task]
data = "mails.csv"
text = "mail"
label = "kind"
id = "id"
[search]
method = "opro"
proposals_per_step = 2
headroom = 0
sensitivity = 0
[budget]
steps = 2
"""
STEPS = [["sort it.</INS>", "Read twice.</INS>"], ["Think.</INS>", "I cannot."]]
OTHER = [["Read twice.</INS>", "Look.</INS>"], ["sort it.</INS>", "Think.</INS>"]]
SKILLS = {"": 6, "Sort it.": 12, "Read twice.": 16, "Think.": 9}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [(example.id, example.text, example.target) for example in mail_task().examples]
    with Path("mails.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "mail", "kind"), *rows])
    Path("sizes.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedEngine]:
    def play(samples: list[list[str]]) -> ScriptedEngine:
        engine = ScriptedEngine(log_prob=mail_model(SKILLS, otherwise=7), samples=samples)
        play_roles(monkeypatch, engine)
        return engine

    return play


def study(*arguments: str, home: str = "home") -> Result:
    return CliRunner().invoke(
        main, ["--home", home, "study", "sizes.toml", "--model", "scripted", "-o", "out", *arguments]
    )


ALL = [*STEPS, *OTHER, *STEPS, *OTHER]


def tables(folder: str = "out") -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    curves, results = (
        list(csv.DictReader(Path(folder, name).read_text(encoding="utf-8").splitlines()))
        for name in ("curves.csv", "results.csv")
    )
    return curves, results


def test_tables_say_what_the_runs_say(engine: Callable[..., ScriptedEngine]) -> None:
    engine(ALL)
    done = study("--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    curves, results = tables()
    assert [row["cell"] for row in results] == ["shown 1", "shown 1", "shown 20", "shown 20"]
    assert len(curves) == 4 * 3
    for run, result in zip(found["runs"], results, strict=True):
        shown = CliRunner().invoke(main, ["--home", "home", "runs", "show", run, "--json"])
        document = json.loads(shown.stdout)
        assert float(result["test"]) == document["test"]["value"]
        own = [c for c in curves if (c["cell"], c["repeat"]) == (result["cell"], result["repeat"])]
        for row, step in zip(own, document["steps"], strict=True):
            values = [p["score"]["value"] for p in step["proposals"] if p["score"]]
            assert float(row["mean"]) == pytest.approx(mean(values))
            assert row["deviation"] == "" or float(row["deviation"]) == pytest.approx(stdev(values))
        values = [p["score"]["value"] for s in document["steps"] for p in s["proposals"] if p["score"]]
        assert float(own[-1]["best"]) == max(values)
        assert [int(row["candidates"]) for row in own] == [0, 2, 4]
    tests = [float(row["test"]) for row in results[:2]]
    assert found["results"][0]["test"] == pytest.approx(mean(tests))
    assert found["results"][0]["test_deviation"] == pytest.approx(stdev(tests))


def test_no_pair_is_scored_twice_and_all_runs_divide_the_rows_alike(
    engine: Callable[..., ScriptedEngine],
) -> None:
    model = engine(ALL)
    found = json.loads(study("--json").stdout)
    asked = Counter((r.context, r.choices) for call in model.asked for r in call)
    assert max(asked.values()) == 1
    assert found["pairs"]["asked"] > sum(asked.values()) > 0
    assert found["pairs"]["from_cache"] == found["pairs"]["asked"] - sum(asked.values())
    rows = {json.dumps(_document(run)["task"]["row_ids"], sort_keys=True) for run in found["runs"]}
    assert len(rows) == 1
    assert [_document(run)["settings"]["search"]["seed"] for run in found["runs"]] == [0, 1, 0, 1]


def _document(run: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CliRunner().invoke(main, ["--home", "home", "export", run]).stdout)
    return document


@pytest.mark.parametrize("moment", [1, 5])
def test_a_study_that_was_killed_goes_on_to_the_same_tables(
    engine: Callable[..., ScriptedEngine], monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    engine(ALL)
    assert study(home="other").exit_code == 0
    Path("out").rename("unbroken")
    evaluate, count = InstructionProblem.evaluate, 0

    def cut_off(self: Any, step: Any, trajectory: Any, ledger: Any) -> Any:
        nonlocal count
        count += 1
        if count == moment:
            raise Interrupted("stopped")
        return evaluate(self, step, trajectory, ledger)

    model = engine(ALL)
    monkeypatch.setattr(InstructionProblem, "evaluate", cut_off)
    assert study().exit_code == 130
    monkeypatch.setattr(InstructionProblem, "evaluate", evaluate)
    used = len(model.sampled)
    engine(ALL[used:])
    assert study().exit_code == 0
    for name in ("curves.csv", "results.csv"):
        assert Path("out", name).read_text() == Path("unbroken", name).read_text()
    model = engine([])
    assert study().exit_code == 0, "finished runs are not begun again"
    assert not model.asked and not model.sampled


def test_the_curves_open_as_pictures(engine: Callable[..., ScriptedEngine]) -> None:
    engine(ALL)
    assert study().exit_code == 0
    root = ElementTree.fromstring(Path("out/curves.svg").read_text(encoding="utf-8"))
    words = " ".join(text for text in root.itertext() if text.strip())
    for part in ("Two sizes", "shown 1", "shown 20", "step", "best accuracy on train so far"):
        assert part in words
    pixels = matplotlib.image.imread("out/curves.png")
    assert pixels.shape[0] > 300 and pixels.shape[1] > 500
    colours = pixels[..., :3]
    assert (abs(colours.max(axis=-1) - colours.min(axis=-1)) < 0.02).all(), "no colour is needed"


def test_a_folder_holds_one_study(engine: Callable[..., ScriptedEngine]) -> None:
    engine(ALL)
    assert study().exit_code == 0
    engine([])
    done = study("--steps", "1")
    assert done.exit_code == 2 and "holds another study" in done.output


def test_flags_go_before_the_study_but_not_into_its_grid(engine: Callable[..., ScriptedEngine]) -> None:
    engine([STEPS[0], OTHER[0]])
    done = study("--steps", "1", "--repeats", "1", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["runs"]) == 2
    done = study("--shown", "3")
    assert done.exit_code == 2 and "varies search.shown itself" in done.output


def test_the_list_names_every_shipped_study() -> None:
    listed = CliRunner().invoke(main, ["study", "--list"]).output
    for name in ("temperature", "exemplars", "candidates-per-step", "order", "score-display", "one-step"):
        assert f"\n{name} " in f"\n{listed}"


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda _: b"no json",
        lambda _: b"[]",
        lambda _: b"null",
        lambda whole: b"\xff" + whole,
        lambda whole: b"\0" * len(whole),
        lambda whole: whole.replace(b'"study"', b'"other"'),
        lambda whole: json.dumps(json.loads(whole) | {"study": 1}).encode(),
        lambda whole: json.dumps(json.loads(whole) | {"runs": []}).encode(),
        lambda whole: json.dumps(json.loads(whole) | {"runs": {"cell": 3}}).encode(),
        lambda whole: json.dumps(json.loads(whole) | {"runs": {"cell": "../../x"}}).encode(),
        lambda _: b"[" * 100_000,
    ],
)
def test_a_damaged_index_is_one_line_and_stays_as_it_is(
    engine: Callable[..., ScriptedEngine], damage: Callable[[bytes], bytes]
) -> None:
    Path("out").mkdir()
    digest = {"study": "s", "runs": {"cell": "20260101-000000-abcd"}}
    index = Path("out/runs.json")
    index.write_bytes(damaged := damage(json.dumps(digest).encode()))
    engine([])
    done = study()
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1), done.output
    assert "runs.json: is damaged" in done.stderr and "Traceback" not in done.output
    assert index.read_bytes() == damaged
