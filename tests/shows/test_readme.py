"""What the README shows can be done."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from whole_command import TinyModels, environment

from opro_local.catalogue import add, load_catalogue

README = Path(__file__).parents[2] / "README.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROWS = [(f"We {verb} {thing}.", kind) for thing, kind in (("pills", "health"), ("loans", "fintech"))
        for verb in ("sell", "make", "check", "ship", "test", "plan", "count", "track", "offer", "price")]


@pytest.mark.slow
def test_the_python_snippet_runs(tiny: TinyModels, tmp_path: Path) -> None:
    """With a tiny model stored under every alias that it names, in the user's own data folder."""
    found = SNIPPET.search(README.read_text(encoding="utf-8"))
    if found is None:
        pytest.skip("README.md has no block of Python")
    variables = environment(tmp_path)
    home = Path(variables["XDG_DATA_HOME"]) / "opro-local"
    for alias in load_catalogue():
        if f'"{alias}"' in found[1]:
            add(tiny.chat, home / "models", name=alias)
    with (tmp_path / "emails.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("email", "category"), *ROWS])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", found[1]],
        cwd=tmp_path,
        env=variables | {"OPRO_LOCAL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
