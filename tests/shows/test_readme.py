"""What the README and the quickstart show can be done."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from whole_command import TinyModels, environment

from opro_local.catalogue import add, load_catalogue
from opro_local.cli import main

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT / "README.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^ +opro-local (.*)$|`opro-local ([^`]*)`", re.MULTILINE)
"""A command on an indented line, or between backticks."""

NOTES = [
    (f"We {verb} {thing}.", kind)
    for thing, kind in (("pills", "health"), ("loans", "fintech"))
    for verb in ("sell", "make", "check", "ship", "test", "plan", "count", "track", "offer", "price")
]


def commands_in(path: Path) -> list[list[str]]:
    """The words after opro-local of every command that a text shows, without comments."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [(line or inline).partition(" #")[0].split() for line, inline in SHOWN.findall(text)]


def unknown(words: list[str]) -> list[str]:
    """The command and the options among words that opro-local does not know."""
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        if found is None:
            return [name]
        command = found
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in words if word.startswith("-") and word not in known]


def test_unknown_commands_and_options_are_found() -> None:
    assert unknown(["runs", "show", "RUN", "--json", "-m"]) == ["-m"]
    assert unknown(["model", "fetch", "--json"]) == ["fetch"]
    assert unknown(["run", "--model", "m", "--no-qa"]) == []


@pytest.mark.parametrize("name", ["README.md", "scripts/quickstart"])
def test_every_command_that_is_shown_exists(name: str) -> None:
    commands = commands_in(CHECKOUT / name)
    assert len(commands) >= 5
    assert [unknown(words) for words in commands] == [[] for _ in commands]


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
        csv.writer(file).writerows([("email", "category"), *NOTES])
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
