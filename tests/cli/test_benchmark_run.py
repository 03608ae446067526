"""A run on a benchmark whose test part is a file of its own, and where its instructions stand."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from scripted_models import play_roles

import opro_local
from opro_local.cli import main
from opro_local.errors import Interrupted
from opro_local.testing import ScriptedEngine

SETTINGS = {
    "models": {"scorer": "scripted"},
    "search": {"method": "opro", "headroom": 0, "starts": ("Add.",), "sensitivity": 0, "block": 2},
    "budget": {"steps": 0},
}
WIDER = {"train": 0.5, "validation": 0.5}


def adding(text: str) -> str:
    """Right in the train file, one too much in the test file."""
    number, part = re.findall(r"(\d+) more in (\w+)", text)[-1]
    return f"The answer is {int(number) + 1 + (part == 'test')}."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part, rows in (("train", 10), ("test", 3)):
        lines = "".join(f"One and {i} more in {part}?\t{i + 1}\tb'-'\n" for i in range(rows))
        (tmp_path / f"gsm_{part}.tsv").write_text(lines, encoding="utf-8")
    return tmp_path


def test_a_run_that_is_cut_off_goes_on_with_the_same_test_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, ScriptedEngine(reply=adding))
    calls: list[None] = []

    def stop() -> None:
        calls.append(None)
        if len(calls) == 3:
            raise Interrupted("stopped")

    task = opro_local.load_task(folder, benchmark="gsm8k", split=WIDER)
    settings = opro_local.RunSettings.model_validate(SETTINGS)
    folders = opro_local.Folders.of_user(folder)
    with pytest.raises(Interrupted):
        opro_local.optimize_task(task, settings, host=opro_local.Host(folders=folders, after_commit=stop))
    (path,) = folders.runs.glob("2*.sqlite")
    opro_local.resume_run(path, host=opro_local.Host(folders=folders))
    document = opro_local.run_document(path, outcomes=True)
    assert document["task"]["rows"] == {"train": 5, "validation": 5, "test": 3, "pool": 0}
    assert (document["train"]["value"], document["test"]["value"], document["test"]["n"]) == (1.0, 0.0, 3)


@pytest.mark.parametrize(
    ("chat", "flags", "position", "qa"),
    [
        (True, (), "Q_begin", False),
        (False, (), "A_begin", True),
        (False, ("--position", "Q_end", "--no-qa"), "Q_end", False),
    ],
)
def test_instructions_stand_where_the_paper_puts_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, chat: bool, flags: tuple[str, ...], position: str, qa: bool
) -> None:
    engine = ScriptedEngine(reply=adding, chat=chat)
    play_roles(monkeypatch, engine)
    words = ["score", "--model", "scripted", "--benchmark", "gsm8k", "--data", str(folder), "--on", "test"]
    words += ["--split-train", "0.5", "--split-validation", "0.5", "-i", "Add.", "--json", "--no-progress"]
    result = CliRunner().invoke(main, [*words, *flags])
    assert result.exit_code == 0, result.output
    assert f'"position": "{position}"' in result.stdout
    prompt = engine.decode(engine.generated[0][0].prompt)
    assert ("Q: " in prompt) == qa
    assert prompt.endswith("A: Add.") == (position == "A_begin")


def test_flags_and_variables_name_a_benchmark(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPRO_LOCAL_BENCHMARK", "gsm8k")
    result = CliRunner().invoke(main, ["data", "check", "--data", str(folder), "--split-train", "0.2"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "rows        13 (0 more without a label)"
    assert lines[-1] == "split       train 2, validation 1, test 3"
    assert result.stderr.startswith(f"task: gsm8k in {folder}")
