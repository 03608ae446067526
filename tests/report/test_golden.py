"""What runs diff, report and export say of one search, kept whole in golden/forms: a change shows as a diff.

To accept a change: GOLDEN=write pytest tests/report/test_golden.py
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from opro_local.cli import main
from opro_local.exports.forms import in_use
from opro_local.report.candidates import candidates_csv
from opro_local.report.forms import difference_in_form, in_form, sheets
from opro_local.report.sections import sections
from opro_local.results.difference import run_difference
from opro_local.results.document import as_json
from opro_local.results.result import read_result

GOLDEN = Path(__file__).parents[1] / "golden" / "forms"
NO_MARKUP_OF_OURS = re.compile(r"<(style|script|svg)\b.*?</\1>", re.DOTALL)
"""Styles and scripts are code, and what matplotlib draws changes with its version."""


def diff_text(one: Path, other: Path) -> str:
    return CliRunner().invoke(main, ["runs", "diff", str(one), str(other)]).stdout


def diff_json(one: Path, other: Path) -> str:
    return "\n".join(paths(as_json(run_difference(one, other))))


def diff(form: str) -> Callable[[Path, Path], str]:
    return lambda one, other: difference_in_form(run_difference(one, other), form).decode()


def report(form: str) -> Callable[[Path, Path], str]:
    return lambda one, _: in_form(read_result(one), form).decode()


def report_json(one: Path, _: Path) -> str:
    return "\n".join(paths(json.loads(in_form(read_result(one), "json"))))


def workbook(one: Path, _: Path) -> str:
    return "\n".join(
        repr([title, [list(row) for row in rows]])
        for title, rows in sheets("run", sections(read_result(one)))
    )


def use(form: str) -> Callable[[Path, Path], str]:
    return lambda one, _: in_use(read_result(one, outcomes=True), form)[0]


def paths(value: Any, name: str = "") -> Iterator[str]:
    """Every value of a document with where it stands; of those of a machine and a moment only where."""
    if re.search(r"versions|timing|seconds|digest|numerics|power", name):
        yield name
    elif isinstance(value, dict):
        for key, inner in sorted(value.items()):
            yield from paths(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, f"{name}[{place}]")
    else:
        yield f"{name} = {round(value, 9) if isinstance(value, float) else value!r}"


def shown(one: Path, _: Path) -> str:
    return CliRunner().invoke(main, ["runs", "show", str(one)]).stdout


FORMS: dict[str, Callable[[Path, Path], str]] = {
    "run.txt": shown,
    "diff.txt": diff_text,
    "diff.json.txt": diff_json,
    "diff.html": diff("html"),
    "diff.md": diff("md"),
    "diff.csv": diff("csv"),
    "candidates.csv": lambda one, _: candidates_csv(read_result(one)),
    "report.html": report("html"),
    "report.md": report("md"),
    "report.csv": report("csv"),
    "report.json.txt": report_json,
    "report.xlsx.txt": workbook,
    "prompt.txt": use("prompt"),
    "chat-messages.json": use("chat-messages"),
    "python.py.txt": use("python"),
    "ollama-modelfile.txt": use("ollama-modelfile"),
    "openai.json": use("openai-json"),
    "llama-cpp.json": use("llama-cpp"),
    "promptfoo.yaml": use("promptfoo"),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_as_it_was(name: str, searched: Callable[[str], Path]) -> None:
    runs = [searched(best) for best in ("Read twice.", "Look at it.")]
    text = FORMS[name](*runs)
    for number, run in enumerate(runs):
        text = text.replace(run.stem, f"RUN-{number}")
    text = text.partition("Settings, models and versions")[0]  # which are of a machine and a moment
    text = re.sub(r"<pre>\{.*?\}</pre>|<dl>.*?</dl>", "", NO_MARKUP_OF_OURS.sub("", text), flags=re.DOTALL)
    text = re.sub(r"([, ])\d+(\.\d)? s\b", r"\1... s", text)
    text = re.sub(r"\b(time of \w+)('?,| \||</th><td>) ?\d+(\.\d+)?", r"\1 ...", text)
    text = re.sub(r"\bseconds('?,| \||</th><td>) ?\d+(\.\d+)?|sha256-[A-Za-z0-9+/=]*", "...", text)
    golden = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8", newline="")
    assert text.splitlines() == golden.read_bytes().decode().splitlines()
