"""What a parser makes of a file: Records, all values strings exactly as written.

A fault inside one row is noted on the row, so that the reader can refuse or skip it; one inside a cell on the
cell, where it counts only if the task uses the column.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["line", "row", "record"]
"""What the numbers of rows count: lines of text, rows of a sheet, entries of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One record. line is where it starts in the file; fault says what is wrong and what to do about it.

    cell_faults say the same of single cells, by their place in fields.
    """

    line: int
    fields: tuple[str, ...]
    fault: str | None = None
    cell_faults: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What a file holds. numeric_columns: those with typed numbers, whose leading zeros are already gone.

    raggedness: what to do about a row with more or fewer fields than the header. sheet: that of a workbook,
    whose cells have names. notes: what the user should know about how the file was read.
    """

    columns: tuple[str, ...]
    rows: tuple[RawRow, ...]
    unit: Unit = "line"
    numeric_columns: frozenset[str] = field(default_factory=frozenset)
    raggedness: str = "Name every column"
    sheet: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Those that a task uses, as the user names them; every_annotator: all answers of a label are wanted.

    label_columns hold 0 and 1, one a label. nested: lists and objects of JSON are labels as they are written.
    several: plain values of several entries of JSON belong to one row.
    """

    text: tuple[str, ...] = ()
    label: str | None = None
    id: str | None = None
    every_annotator: bool = False
    label_columns: tuple[str, ...] = ()
    nested: bool = False
    several: bool = False

    @property
    def used(self) -> tuple[str, ...]:
        single = (name for name in (self.label, self.id) if name is not None)
        return (*self.text, *self.label_columns, *single)
