"""What the bench of optimizers keeps: one search by one method, a JSON line in a file that only grows.

A bench that was cut off finds the finished cells again; a line that was cut off itself is as if it were not
there. Cells of other settings may stand in the same file: `plan` tells them apart.
"""

import json
from dataclasses import asdict, dataclass
from json import JSONDecodeError
from pathlib import Path
from statistics import fmean
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CellName:
    """Which search: plan is the digest of all settings that all cells of a bench share.

    optimizer is the optimizer model where it is another one than the scorer, model.
    """

    model: str
    data: str
    method: str
    seed: int
    plan: str
    optimizer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A finished search.

    right and start_right hold a 1 for every test row that the winner and the start answer right, else a 0, in
    the order of the rows. scorer_tokens went through the model for all that was scored, least_tokens had to;
    asked_tokens are those of all prompts, shared ones counted in each (None in older cells). pairs count
    validation and test too. proposers tells what each of ours brought,
    expected what its run expects of the winner on other rows.
    """

    name: CellName
    right: str
    start_right: str
    validation: float
    scorer_tokens: int
    optimizer_tokens: int
    pairs: int
    seconds: float
    instruction: str
    shots: int
    stopped: str
    least_tokens: int | None = None
    asked_tokens: int | None = None
    proposers: Any = None
    expected: float | None = None

    @property
    def accuracy(self) -> float:
        return share(self.right)

    @property
    def start(self) -> float:
        return share(self.start_right)


def marks(right: list[bool]) -> str:
    return "".join("1" if each else "0" for each in right)


def share(marked: str) -> float:
    return fmean(mark == "1" for mark in marked)


@dataclass(frozen=True, slots=True)
class CellFile:
    """JSON lines, a finished cell each."""

    path: Path

    def all(self) -> dict[CellName, Cell]:
        """Every cell that is whole, the later of two with the same name."""
        if not self.path.exists():
            return {}
        found = map(_cell, self.path.read_text(encoding="utf-8").splitlines())
        return {cell.name: cell for cell in found if cell is not None}

    def add(self, cell: Cell) -> None:
        """Written out at once, on a line of its own even behind one that was cut off."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            file.seek(0)
            text = file.read()
            broken = text and not text.endswith(b"\n")
            file.write(b"\n" * bool(broken) + json.dumps(asdict(cell)).encode() + b"\n")


def _cell(line: str) -> Cell | None:
    try:
        fields = json.loads(line)
    except JSONDecodeError:
        return None
    return Cell(name=CellName(**fields.pop("name")), **fields)
