"""What is tried together, which combinations are refused, and the commands that try them.

A cell is one choice on each axis. refusal_of says in one place what has no meaning; every other cell must
give a value.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from covering import Cell, covering
from tiny_models import CONFIGS, save_tiny_model

from opro_local.cli import main
from opro_local.config import ModelSettings
from opro_local.scoring.metrics import METRICS
from opro_local.wiring import models
from opro_local.wiring.models import Models, load_models

CLASSES = ("label", "boolean", "grade")
LABELLED = (*CLASSES, "labels")
OWN_METRIC = {
    "fields": "mean_score",
    "grade": "weighted_kappa",
    "judged": "mean_score",
    "labels": "example_f1",
}
OWN_METRIC |= {"python": "mean_score", "span": "token_f1", "tolerance": "mae"}
"""What "own" stands for; accuracy for all others."""
FIRST = ("label", "boolean", "choice", "number", "text", "regex", "python", "fields")
"""Those that meet every family of models; the others go the ways of these."""
AXES: dict[str, Sequence[object]] = {
    "answer": (*FIRST, "labels", "grade", "tolerance", "span", "judged"),
    "mode": ("likelihood", "generation"),
    "chat": (True, False),
    "position": ("before_Q", "Q_begin", "Q_end", "A_begin"),
    "qa": (None, True, False),
    "shots": (0, 2),
    "second_round": (False, True),
    "calibration": (None, "none", "contextual", "batch", "auto"),
    "grading": ("strict", "official"),
    "metric": ("accuracy", "macro_f1", "log_loss", "own"),
    "instruction": ("Think, then say it.", ""),
}
FAMILIES = tuple(CONFIGS)
REAL = {True: "smollm2-135m", False: "gemma-3-270m"}
"""The chat model and the pre-trained one."""

ROWS = {
    "label": [(f"Mail {i}: we make {'chips' if i % 2 else 'loans'}.", "ab"[i % 2] * 2) for i in range(14)],
    "boolean": [(f"Is {i} odd?", "yes" if i % 2 else "no") for i in range(14)],
    "choice": [(f"Which is {i}?\n(A) {i}\n(B) {i + 1}\n(C) none", f"({'AB'[i % 2]})") for i in range(14)],
    "number": [(f"What is {i} and {i}?", str(2 * i)) for i in range(14)],
    "text": [(f"Spell {i}.", f"word {i}") for i in range(14)],
    "regex": [(f"Which code has {i}?", f"X{i}") for i in range(14)],
    "python": [(f"Say {i}.", str(i)) for i in range(14)],
    "fields": [(f"Enter {i}.", json.dumps({"n": i, "word": f"word {i}"})) for i in range(14)],
    "labels": [(f"Day {i}: how is it?", ("cold", "cold; wet", "none")[i % 3]) for i in range(14)],
    "grade": [(f"Stay {i}: how was it?", str(1 + i % 3)) for i in range(14)],
    "tolerance": [(f"How long is {i} m?", f"{i}.5") for i in range(14)],
    "span": [(f"Box {i} holds {i} nails.", f'["{i} nails", "{i}"]') for i in range(14)],
    "judged": [(f"Mail {i}: when?", f"On day {i}." if i % 2 else "") for i in range(14)],
}
KIND = {"tolerance": "number"}
"""The kind of answers, where it is not called as the table."""
VALIDATION_ROWS = 3
"""What a split of 14 rows leaves to choose by."""
OWN = {
    "regex": ["--pattern", r"(X\d+)"],
    "python": ["--grader", "grade.py:right", "--allow-python"],
    "fields": ["--fields", "n=number", "--fields", "word=text?"],
    "labels": ["--separator", ";"],
    "tolerance": ["--tolerance", "10 %"],
    "judged": ["--rubric", "It says when.", "--judge-kappa", "0"],
}
GRADER = "def right(reply: str, target: str) -> bool:\n    return target in reply\n"

UNPUBLISHED = ("regex", "python", "fields", "labels", "span", "judged")
UNREAD = {"mode": "likelihood", "calibration": "contextual", "instruction": ""}

REASONS = {"no answer", "several answers", "cut off", "no match", "the published parser fails"}
"""Why a reply of a random model may have no prediction. That something failed is none of them."""


def metric_of(cell: Cell) -> str:
    own = OWN_METRIC.get(str(cell["answer"]), "accuracy")
    return own if cell["metric"] == "own" else str(cell["metric"])


def _suits(metric: str, answer: object) -> bool:
    if metric == "accuracy":
        return answer != "judged"  # what is graded is never right or wrong
    having = {"macro_f1": LABELLED, "log_loss": CLASSES}
    return answer in having.get(metric, (answer,))


LOOKED_AT = ("answer", "mode", "second_round", "calibration", "grading", "metric")
"""The axes that a refusal hangs on."""


def refusal_of(cell: Cell) -> str | None:
    """What stderr says of a cell that has no meaning; None if it has one."""
    return _refusal(tuple(cell[name] for name in LOOKED_AT))


@cache
def _refusal(choices: tuple[object, ...]) -> str | None:
    cell = dict(zip(LOOKED_AT, choices, strict=True))
    labelled, likelihood = cell["answer"] in LABELLED, cell["mode"] == "likelihood"
    if not _suits(metric_of(cell), cell["answer"]):
        return "does not suit answer"
    if likelihood and (cell["grading"] == "official" or cell["second_round"]):
        return "has no replies to read"
    if cell["grading"] == "official" and cell["answer"] == "tolerance":
        return "published grading knows no tolerance"
    if cell["grading"] == "official" and cell["answer"] in UNPUBLISHED:
        return "no grader was published"
    if likelihood and not labelled:
        return "needs a label set"
    if cell["metric"] == "log_loss" and not likelihood:
        return "needs probabilities"
    if cell["calibration"] in ("contextual", "batch") and not likelihood:
        return "nothing to calibrate"
    return None


def is_meant(cell: Cell) -> bool:
    return refusal_of(cell) is None


def _each_answer() -> list[Cell]:
    """Every answer type in every mode that it has, the first ones with a chat and a pre-trained model."""
    return [
        {"answer": answer, "mode": mode, "chat": chat}
        for answer in AXES["answer"]
        for mode in AXES["mode"]
        for chat in (AXES["chat"] if answer in FIRST else [mode == "likelihood"])
        if mode == "generation" or answer in LABELLED
    ]


@cache
def meant_cells() -> list[Cell]:
    """Cells with a value: every pair of choices, and every answer type in every mode.

    All of that three times in other company, of the first types: as many as there are families to try.
    """
    # Of an input without content a pre-trained model may have nothing at all to read.
    unread = {"answer": "label", "chat": False, "qa": False, "shots": 0} | UNREAD
    begun = [*_each_answer(), unread]
    again = [part for part in begun if part["answer"] in FIRST]
    cells = covering(AXES, is_meant, looked_at=LOOKED_AT, begun=begun)
    for seed in (1, 2):
        axes = AXES | {"answer": FIRST}
        cells += covering(axes, is_meant, looked_at=LOOKED_AT, begun=again, seed=seed)
    return cells


def each_answer_cells() -> list[Cell]:
    """A cell of each answer type in each mode with either model."""
    begun = _each_answer()
    return covering(AXES, is_meant, looked_at=LOOKED_AT, begun=begun, only_begun=True, seed=7)


def run_cells() -> list[Cell]:
    """Cells for whole runs, which take longer: every answer type once in each mode with either model."""
    axes = AXES | {"method": ("opro", "portfolio")}
    begun = _each_answer()
    cells = covering(axes, is_meant, looked_at=LOOKED_AT, begun=begun, only_begun=True, seed=9)
    # From the last on: mamba, which runs token by token, is with a cell of short prompts then.
    return [cell | {"family": FAMILIES[(i - 1) % len(FAMILIES)]} for i, cell in enumerate(cells)]


def refused_cells(answer: str) -> list[Cell]:
    """Cells of an answer type that have no meaning; they differ where a rule looks."""
    axes = LOOKED_AT[1:]
    cells = (dict(zip(axes, values, strict=True)) for values in product(*(AXES[name] for name in axes)))
    first = {name: values[0] for name, values in AXES.items()} | {"answer": answer, "method": "opro"}
    return [first | cell for cell in cells if not is_meant(first | cell)]


def with_families(cells: Iterable[Cell], families: Sequence[str] = FAMILIES) -> Iterator[Cell]:
    """The cells, each with a family of models, so that every family meets each of the first answer types."""
    cells = list(cells)
    for answer in AXES["answer"]:
        own = [cell for cell in cells if cell["answer"] == answer]
        for number in range(max(len(own), len(families) if answer in FIRST else 0)):
            yield own[number % len(own)] | {"family": families[number % len(families)]}


def named(cell: Cell) -> str:
    return "-".join(f"{value}" for value in cell.values())


@dataclass(frozen=True)
class Commands:
    """Runs commands in a folder with tables; models are folders by (family, chat)."""

    folder: Path

    def model(self, family: str, *, chat: bool) -> Path:
        path = self.folder / f"{family}-{chat}"
        if not path.exists():
            save_tiny_model(path, family, chat=chat, seed=1)
        return path

    def score(self, cell: Cell, model: Path, *more: str) -> Result:
        return call("score", *flags(cell, model), "-i", str(cell["instruction"]), *more)

    def run(self, cell: Cell, model: Path, *more: str) -> Result:
        search = ["--method", str(cell["method"]), "--steps", "1", "--proposals-per-step", "2"]
        search += ["--exemplars", "1", "--headroom", "0", "--sensitivity", "0", "--finalists", "1"]
        search += ["--proposal-tokens", "12", "--start", str(cell["instruction"]), "--max-shots", "2"]
        return call("run", *flags(cell, model), *search, *more)


def flags(cell: Cell, model: Path) -> list[str]:
    answer = str(cell["answer"])
    words = ["--model", str(model), "--data", f"{answer}.csv", "--text", "text", "--label", "target"]
    words += ["--answer", KIND.get(answer, answer), *OWN.get(answer, [])]
    words += ["--scoring", str(cell["mode"]), "--position", str(cell["position"])]
    words += [] if cell["qa"] is None else ["--qa" if cell["qa"] else "--no-qa"]
    words += ["--shots", str(cell["shots"]), "--metric", metric_of(cell)]
    words += ["--second-round"] if cell["second_round"] else []
    words += [] if cell["calibration"] is None else ["--calibration", str(cell["calibration"])]
    words += ["--grading", str(cell["grading"]), "--answer-tokens", "6"]
    return [*words, "--no-progress", "--json"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def write_tables(folder: Path) -> None:
    for answer, rows in ROWS.items():
        with (folder / f"{answer}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "target"), *rows])
    (folder / "grade.py").write_text(GRADER, encoding="utf-8")


_LOADED: dict[ModelSettings, Models] = {}


def load_once(patch: pytest.MonkeyPatch) -> None:
    """Let commands share a loaded model; what is loaded is the real thing."""

    def load(settings: ModelSettings, folder: Path) -> Models:
        settings = settings.model_copy(update={"quantize": "fp32"})
        if settings not in _LOADED:
            _LOADED[settings] = load_models(settings, folder)
        return _LOADED[settings]

    patch.setattr(models, "load_models", load)


def document(result: Result) -> dict[str, Any]:
    """What a command printed: one JSON object, and no traceback beside it."""
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def check_refused(result: Result, message: str) -> None:
    """One line that says what is wrong, before any work; behind notes on the table, if it has any."""
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    *notes, line = result.stderr.splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert line.startswith("opro-local: ")
    assert message in line


def check_score(score: dict[str, Any], cell: Cell, *, rows: int) -> None:
    """A figure of all rows, in range, with a reason for every row that has no prediction."""
    spec = METRICS[metric_of(cell)]  # type: ignore[index]
    value, interval = score["value"], score["interval"]
    assert score["n"] == rows
    assert spec.low <= value <= spec.high
    if metric_of(cell) == "accuracy":
        assert value * rows == pytest.approx(round(value * rows))
    if interval is None:  # rows that are all alike have none, but of a share
        assert metric_of(cell) != "accuracy"
    else:
        assert spec.low <= interval[0] <= value <= interval[1] <= spec.high
    assert sum(score["reasons"].values()) <= rows
    assert score["reasons"].keys() <= (REASONS if cell["mode"] == "generation" else set())
