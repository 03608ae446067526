"""One sheet of an .xlsx or .ods workbook -> Records.

The header is the first row that has the task's columns, else the first that is not blank.
"""

import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from opro_local.errors import DataError
from opro_local.tasks.formats import Columns, RawRow, Records
from opro_local.tasks.ods_cells import check_ods, ods_cells
from opro_local.tasks.sheet_cells import Place, SheetCells, column_letters
from opro_local.tasks.xlsx_cells import xlsx_cells
from opro_local.wording import counted, listed, quoted

Cell = str | bool | int | float | date | time | timedelta
Grid = list[list[Cell]]

UNREADABLE = (
    *(CalamineError, BadZipFile, zlib.error, ParseError, LookupError, ValueError, ArithmeticError),
    *(EOFError, OSError, RuntimeError),
)
"""What the parsers raise for files that are damaged, encrypted or no workbooks."""
HEAD_ROWS = 50
"""How far down the header is looked for."""
FORMATS = {".xlsx": xlsx_cells, ".xlsm": xlsx_cells, ".ods": ods_cells}


def parse_workbook(content: bytes, *, suffix: str, sheet: str | None, columns: Columns, name: str) -> Records:
    """Raises DataError for what is no workbook, and for a sheet that must be named or is no table."""
    try:
        if suffix == ".ods":
            check_ods(content)
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            chosen = _chosen(workbook.sheets_metadata, sheet, name)
            noted = FORMATS[suffix](content, chosen)  # refuses what the reader would lay out without end
            read = workbook.get_sheet_by_name(chosen)
            grid: Grid = read.to_python(skip_empty_area=False)
            cells = _cells(noted, read)
    except UNREADABLE as error:
        raise DataError(
            f"{name}: not a readable {suffix} workbook ({error}). Save it again as {suffix}."
        ) from None
    return _records(grid, cells, columns, chosen)


def _chosen(sheets: Sequence[SheetMetadata], wanted: str | None, name: str) -> str:
    """The sheet that is wanted, else the only visible one that is a table."""
    tables = [sheet.name for sheet in sheets if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [s.name for s in sheets if s.name in tables and s.visible == SheetVisibleEnum.Visible]
    found = listed([quoted(each) for each in tables], most=10)
    if not tables:
        raise DataError(f"{name} has no sheet with a table. Save your rows as a sheet.")
    if wanted in tables:
        return wanted
    if wanted is not None:
        what = "is a chart, not a table" if wanted in [s.name for s in sheets] else "is not there"
        raise DataError(f"{name}: sheet {quoted(wanted)} {what}; found {found}.")
    if len(visible) != 1:
        shown = visible or tables
        which = f"{counted(len(shown), 'sheet')} ({listed([quoted(each) for each in shown], most=10)})"
        raise DataError(f"{name} has {which}{'' if visible else ', all hidden'}. Pass --sheet NAME.")
    return visible[0]


def _cells(cells: SheetCells, sheet: CalamineSheet) -> SheetCells:
    """With the merged ranges that the reader knows of; it knows none of .ods."""
    return replace(cells, merged=(*cells.merged, *(sheet.merged_cell_ranges or ())))


def _records(grid: Grid, cells: SheetCells, used: Columns, sheet: str) -> Records:
    texts = [[_cell_text(cell) for cell in row] for row in grid]
    odd_rows = {row for row, _ in cells.faults}
    texts += [[] for _ in range(len(texts), max(odd_rows, default=-1) + 1)]
    for (row, column), text in cells.shown.items():
        if row < len(texts) and column < len(texts[row]):
            texts[row][column] = text
    first = next((i for i, row in enumerate(texts) if any(row) or i in odd_rows), len(texts))
    header, names = _header(texts, cells, used) or (first, None)
    faults = dict(cells.faults)
    filled = _fill(texts, faults, [area for area in cells.merged if area[0][0] > header])
    if names is not None:
        texts[header] = names
    below = (row for row in _rows(texts, faults) if row.line > header)
    rows = [row for row in below if row.fields] or [RawRow(line=1, fields=())]
    columns, width = rows[0].fields, len(rows[0].fields)
    padded = (replace(row, fields=row.fields + ("",) * (width - len(row.fields))) for row in rows[1:])
    return Records(
        columns=columns,
        rows=tuple(padded),
        unit="row",
        numeric_columns=_numeric_columns(columns, grid[header + 1 :], cells.shown, header + 1),
        sheet=sheet,
        notes=tuple(_notes(filled, header - first)),
    )


def _header(texts: Sequence[list[str]], cells: SheetCells, used: Columns) -> tuple[int, list[str]] | None:
    """The first row that has all columns of the task, with what is merged down into it."""
    head = [list(row) for row in texts[:HEAD_ROWS]]
    _fill(head, {}, cells.merged)
    found = ((i, row) for i, row in enumerate(head) if set(used.used) <= set(row))
    return next(found, None) if used.used else None


def _notes(filled: int, above: int) -> Iterator[str]:
    if above > 0:
        yield f"{counted(above, 'row')} above the header left out."
    if filled:
        yield f"{counted(filled, 'cell')} of merged ranges filled with their text."


def _fill(texts: list[list[str]], faults: dict[Place, str], areas: Sequence[tuple[Place, Place]]) -> int:
    """Give each row of a merged range what the range shows; how many cells that are.

    A range over several columns says nothing of the others: a heading between rows is one, too.
    """
    filled = 0
    for (top, left), (bottom, right) in areas:
        if top >= len(texts) or left >= len(texts[top]):
            continue
        for row in range(top, min(bottom + 1, len(texts))):
            if row > top:
                texts[row][left] = texts[top][left]
                filled += 1
                if (top, left) in faults:
                    faults[row, left] = faults[top, left]
            for column in range(left + 1, min(right + 1, len(texts[row]))):
                faults[row, column] = f"merged with {column_letters(left)}{top + 1}. Split the merged cell"
    return filled


def _rows(texts: Sequence[Sequence[str]], faults: Mapping[Place, str]) -> Iterator[RawRow]:
    """Rows up to their last filled cell."""
    by_row: dict[int, dict[int, str]] = {}
    for (row, column), fault in faults.items():
        by_row.setdefault(row, {})[column] = fault
    for number, row_texts in enumerate(texts):
        odd = by_row.get(number, {})
        fields = list(row_texts) + [""] * (max(odd, default=-1) + 1 - len(row_texts))
        while fields and not fields[-1] and len(fields) - 1 not in odd:
            fields.pop()
        yield RawRow(line=number + 1, fields=tuple(fields), cell_faults=odd)


def _cell_text(cell: Cell) -> str:
    """What the cell shows: TRUE for a truth value, no decimals for a whole number, ISO 8601 for a date.

    Of a number 15 digits, as spreadsheets do: those behind are the rounding of sums.
    """
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else f"{cell:.15g}"
    return str(cell)


def _numeric_columns(
    columns: Sequence[str], grid: Grid, shown: Mapping[Place, str], first: int
) -> frozenset[str]:
    """Those with numbers that are not shown otherwise; first is the place of the first row."""
    return frozenset(
        name
        for i, name in enumerate(columns)
        if any(_is_number(row[i]) and (first + number, i) not in shown for number, row in enumerate(grid))
    )


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
