"""The block of Python in README runs as it stands."""

import csv
import subprocess
import sys
from pathlib import Path

import documents
import pytest
from whole_command import TinyModels, environment

from opro_local.catalogue import add, load_catalogue

NOTES = [
    (f"We {verb} {thing}.", kind)
    for thing, kind in (("pills", "health"), ("loans", "fintech"))
    for verb in ("sell", "make", "check", "ship", "test", "plan", "count", "track", "offer", "price")
]


@pytest.mark.slow
@pytest.mark.usefixtures("tried_here")
def test_the_python_snippet_runs(tiny: TinyModels, tmp_path: Path) -> None:
    """With a tiny model stored under every alias that it names, in the user's own data folder."""
    (snippet,) = documents.fenced(documents.read(documents.README), "python")
    variables = environment(tmp_path)
    home = Path(variables["XDG_DATA_HOME"]) / "opro-local"
    for alias in load_catalogue():
        if f'"{alias}"' in snippet:
            add(tiny.chat, home / "models", name=alias)
    with (tmp_path / "emails.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("email", "category"), *NOTES])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet],
        cwd=tmp_path,
        env=variables | {"OPRO_LOCAL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
