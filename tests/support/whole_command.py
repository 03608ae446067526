"""Runs opro-local as a user does, with a home of its own: in a process of its own, or here for less."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tried_here import try_here

from opro_local.cli import main

OPRO_LOCAL = str(Path(sys.executable).with_name("opro-local"))
Done = subprocess.CompletedProcess[str]

LABELS = ("None", "NA", "007")
ROWS = tuple((f'She wrote "no {i}, thanks",\nthen left; word {i * 7}.', LABELS[i % 3]) for i in range(60))
"""Twenty rows a label, with quotes, commas and newlines in every text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyModels:
    """Folders of random models; chat and mistral have a chat template, pretrained has none."""

    chat: Path
    mistral: Path
    pretrained: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A command that ran to its end: where, with which arguments, what it printed.

    offline: it had no network. trace is what it asked of the network, None where nobody watched.
    """

    home: Path
    arguments: Sequence[str]
    done: Done
    offline: bool
    trace: str | None


def environment(home: Path) -> dict[str, str]:
    """This process's variables with everything of the user's replaced by folders of home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPRO_LOCAL_")}
    for kind in ("DATA", "CONFIG", "CACHE", "STATE"):
        kept[f"XDG_{kind}_HOME"] = str(home / kind.lower())
    own = {"HOME": str(home), "OPRO_LOCAL_HOME": str(home / "opro-local")}
    return kept | own | {"OMP_NUM_THREADS": "1"}  # tiny models only lose by more


def small_run(model: Path | str, table: Path) -> list[str]:
    """The arguments of a run of seconds on ROWS, with many small blocks."""
    named = ["--data", str(table), "--text", "the letter", "--label", "kind"]
    published = ["--method", "opro", "--racing", "on", "--calibration", "batch"]
    small = [*published, "--steps", "2", "--proposal-tokens", "64", "--block", "4"]
    return ["run", "--model", str(model), *named, *small, "--json"]


def call(*arguments: str, home: Path, under: Sequence[str] = (), cwd: Path | None = None) -> Done:
    """Run one command to its end; under is what starts it: unshare, strace."""
    return subprocess.run(
        [*under, OPRO_LOCAL, *arguments],
        env=environment(home),
        cwd=cwd or home,
        capture_output=True,
        text=True,
        check=False,
    )


def here(*arguments: str, home: Path) -> Done:
    """The same in this process, which has loaded the model libraries: where no process is looked at."""
    kept = environment(home)
    gone: dict[str, str | None] = {name: None for name in os.environ if name not in kept}
    with chdir(home), pytest.MonkeyPatch.context() as patch:
        try_here(patch)
        done = CliRunner().invoke(main, arguments, env=gone | kept)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(arguments, done.exit_code, done.stdout, done.stderr)


def result(done: Done) -> dict[str, Any]:
    """The one JSON object that the command printed; nothing else is on its stdout."""
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def only_line(done: Done) -> str:
    """What stderr says; it must be one line."""
    (line,) = done.stderr.splitlines()
    return line


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two documents differ by more than the last bits, which depend on what else was in a forward."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [found for key in a for found in differences(a[key], b[key], f"{path}.{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [found for i in range(len(a)) for found in differences(a[i], b[i], f"{path}[{i}]")]
    if isinstance(a, float) and isinstance(b, float):
        return [] if math.isclose(a, b, abs_tol=1e-4) else [f"{path}: {a} and {b}"]
    return [] if a == b else [path]
