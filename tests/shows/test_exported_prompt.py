"""The exported Python file answers through plain transformers as the run did."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from runpy import run_path

import pytest
from whole_command import FinishedRun, TinyModels, here, result, small_run

pytestmark = pytest.mark.slow


def in_a_process(script: Path, *arguments: str) -> str:
    """What the script prints."""
    command = [sys.executable, str(script), *arguments]
    variables = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=True).stdout


def in_this_process(script: Path, *arguments: str) -> str:
    """The same where transformers is imported already."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setattr(sys, "argv", [str(script), *arguments])
        run_path(str(script), run_name="__main__")
    return out.getvalue()


def answers(home: Path, model: str, folder: Path, printed: Callable[..., str]) -> tuple[list[str], list[str]]:
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
    return printed(script, model, *rows).splitlines(), [o["prediction"] for o in scored]


def test_of_a_chat_model(unbroken: FinishedRun, tiny: TinyModels, tmp_path: Path) -> None:
    said, recorded = answers(unbroken.home, str(tiny.chat), tmp_path, in_a_process)
    assert len(said) == 24
    assert said == recorded


def test_of_a_pre_trained_model(tiny: TinyModels, table: Path, tmp_path: Path) -> None:
    arguments = [*small_run(tiny.pretrained, table), "--quantize", "fp32", "--no-qa"]
    assert here(*arguments, home=tmp_path).returncode == 0
    said, recorded = answers(tmp_path, str(tiny.pretrained), tmp_path, in_this_process)
    assert said == recorded
