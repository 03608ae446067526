"""The scripts install once, fetch a model once, and name commands that exist.

They run in a copy of the checkout's outline whose Python and opro-local write down how they are called.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path
from shutil import copy, copytree

import click
import pytest

from opro_local.cli import main

CHECKOUT = Path(__file__).parents[1]
RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'
VERIFY = '[ "$1 $2" != "model verify" ] || [ -e "$CALLS.$3" ]\n'
PULL = '[ "$1 $2" != "model pull" ] || touch "$CALLS.$3"\n'
PROGRAMS = ("python", "ruff", "mypy", "opro-local")


class Checkout:
    """A copy of scripts/ and what they read, and the calls that they make."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = root.parent / "calls"
        copytree(CHECKOUT / "scripts", root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            copy(CHECKOUT / name, root / name)
        programs = root / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name in PROGRAMS:
            more = VERIFY + PULL if name == "opro-local" else ""
            (programs / name).write_text(RECORD + f"{more}" + ("" if more else "true\n"))
            (programs / name).chmod(0o755)

    def run(self, script: str, *arguments: str) -> list[str]:
        """Run a script from another folder; the calls that it made."""
        self.calls.write_text("")
        done = subprocess.run(
            ["bash", str(self.root / "scripts" / script), *arguments],
            cwd="/",
            env=os.environ | {"CALLS": str(self.calls)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.printed = done.stdout
        return self.calls.read_text().splitlines()
