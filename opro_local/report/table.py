"""Tables of a report and what stands in their cells."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from opro_local.results.words import figure, p_text, with_interval

LONG = 24
"""Characters from which on a text needs a wide column."""


@dataclass(frozen=True, slots=True)
class WithInterval:
    """A cell: a value with the ends of its 95 % interval; tables of numbers give it three columns."""

    value: float | None
    interval: Sequence[float] | None
    signed: bool = False

    def __str__(self) -> str:
        return with_interval(self.value, self.interval, signed=self.signed)

    @property
    def numbers(self) -> tuple[float | None, ...]:
        return (self.value, *(self.interval or (None, None)))


ONE_SIDED = "one-sided p"
"""The column of the p-values of verdicts, which ask for better or for worse."""


class PValue(float):
    """A cell: a p-value."""

    def __str__(self) -> str:
        return p_text(self)


Cell = str | int | float | WithInterval | None
Plain = str | int | float | None


def setting_cell(value: object) -> Cell:
    """The value of a setting: numbers and texts as they are, the rest as JSON writes it (true, null)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return json.dumps(value)
    return value


def cell_text(cell: Cell) -> str:
    """As people read it; what is not known stays blank."""
    match cell:
        case None:
            return ""
        case PValue() | WithInterval():
            return str(cell)
        case float():
            return figure(cell)
        case int():
            return f"{cell:,}"
        case _:
            return str(cell)


@dataclass(frozen=True, kw_only=True)
class Table:
    """rows under columns; the title is one of a kind in a report and has at most 31 characters.

    caption says what the figures are. brief: a terminal shows it too. sortable: a page lets its reader sort
    it. longest: characters after which a page cuts a cell.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    brief: bool = False
    sortable: bool = False
    longest: int | None = None

    @cached_property
    def kinds(self) -> list[str]:
        """Of each column: "number", "text" where it needs room, or ""."""
        return [_kind([row[i] for row in self.rows]) for i in range(len(self.columns))]

    def in_numbers(self) -> Iterator[list[Plain]]:
        """Columns and rows for programs: figures are plain numbers, and a column of WithInterval is three."""
        wide = [any(isinstance(row[i], WithInterval) for row in self.rows) for i in range(len(self.columns))]
        heads = zip(self.columns, wide, strict=True)
        yield [part for name, is_wide in heads for part in _heads(name, is_wide)]
        for row in self.rows:
            yield [part for cell, is_wide in zip(row, wide, strict=True) for part in _parts(cell, is_wide)]


def _kind(cells: Sequence[Cell]) -> str:
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, int | float | WithInterval) for cell in known):
        return "number"
    return "text" if any(isinstance(cell, str) and len(cell) >= LONG for cell in known) else ""


def _heads(name: str, is_wide: bool) -> Sequence[str]:
    return (name, f"{name} low", f"{name} high") if is_wide else (name,)


def _parts(cell: Cell, is_wide: bool) -> Sequence[Plain]:
    if isinstance(cell, WithInterval):
        return cell.numbers
    plain = float(cell) if isinstance(cell, PValue) else cell
    return (plain, None, None) if is_wide else (plain,)
