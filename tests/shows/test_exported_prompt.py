"""The exported Python file answers through plain transformers as the run did."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from whole_command import FinishedRun, TinyModels, here, result, small_run

pytestmark = pytest.mark.slow


def answers(home: Path, model: str, folder: Path) -> tuple[list[str], list[str]]:
    """What the file says to all test rows, and what the run had recorded."""
    script = folder / "use.py"
    assert here("export", "--to", "python", "-o", str(script), home=home).returncode == 0
    exported = here("export", "--outcomes", home=home)
    document = result(exported)
    best = document["best"]
    scored = [o for o in document["outcomes"] if o["key"] == best["key"] and o["split"] == "test"]
    texts = {row["example_id"]: row["prompt"]["messages"][-1]["content"] for row in scored}
    head = best["instruction"] if not best["shots"] and best["instruction"] else ""
    rows = [texts[o["example_id"]].removeprefix(head).lstrip("\n") for o in scored]
    done = subprocess.run(
        [sys.executable, str(script), model, *rows],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        check=True,
    )
    return done.stdout.splitlines(), [o["prediction"] for o in scored]


def test_of_a_chat_model(unbroken: FinishedRun, tiny: TinyModels, tmp_path: Path) -> None:
    said, recorded = answers(unbroken.home, str(tiny.chat), tmp_path)
    assert len(said) == 24
    assert said == recorded


def test_of_a_pre_trained_model(tiny: TinyModels, table: Path, tmp_path: Path) -> None:
    arguments = [*small_run(tiny.pretrained, table), "--quantize", "fp32", "--no-qa"]
    assert here(*arguments, home=tmp_path).returncode == 0
    said, recorded = answers(tmp_path, str(tiny.pretrained), tmp_path)
    assert said == recorded
