"""The parsers: text or bytes of a file -> Records, all values strings exactly as written.

A fault inside one row is noted on the row, so that the reader can refuse or skip it. A fault that hides where
the row ends (an open quote) stops the reading: whatever follows could be half of something else.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import NoReturn

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from opro_local.errors import DataError
from opro_local.wording import listed, quoted

Cell = str | bool | int | float | date | time | timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One record. line is where it starts in the file; fault says what is wrong and what to do about it."""

    line: int
    fields: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What a file holds. numeric_columns: those with typed numbers, whose leading zeros are already gone."""

    columns: tuple[str, ...]
    rows: tuple[RawRow, ...]
    numeric_columns: frozenset[str] = field(default_factory=frozenset)


def parse_delimited(text: str, *, delimiter: str, name: str) -> Records:
    """CSV or TSV with a header line; blank lines are ignored. Raises DataError on a broken quote."""
    header, *rows = delimited_rows(text, delimiter=delimiter, name=name) or [RawRow(line=1, fields=())]
    return Records(columns=header.fields, rows=tuple(rows))


def delimited_rows(text: str, *, delimiter: str, name: str) -> list[RawRow]:
    """All rows of CSV or TSV, a header too; blank lines are ignored. Raises DataError on a broken quote."""
    # The limit is process-wide and 131,072 by default; how long a field may be is the reader's decision.
    limit = csv.field_size_limit(len(text) + 1)
    try:
        return _delimited_rows(text, delimiter, name)
    finally:
        csv.field_size_limit(limit)


def _delimited_rows(text: str, delimiter: str, name: str) -> list[RawRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    line = 1
    try:
        for fields in reader:
            if fields:
                rows.append(RawRow(line=line, fields=tuple(fields)))
            line = reader.line_num + 1
    except csv.Error as error:
        what = "a quoted field never ends" if "end of data" in str(error) else "text follows a closing quote"
        raise DataError(f'{name} line {line}: {what}. Write a quote inside a field as "".') from None
    return rows


def parse_json_lines(text: str) -> Records:
    """One flat JSON object a line, all with the keys of the first good one; values as their JSON text."""
    columns: tuple[str, ...] = ()
    rows = []
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it would break at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = _json_object(line)
            columns = columns or tuple(record)
            rows.append(RawRow(line=number, fields=_aligned(record, columns)))
        except ValueError as fault:
            rows.append(RawRow(line=number, fields=(line.rstrip("\r"),), fault=str(fault)))
    return Records(columns=columns, rows=tuple(rows))


def _json_object(line: str) -> dict[str, str]:
    """Raises ValueError with the fault."""
    try:
        value = json.loads(
            line, object_pairs_hook=_unique, parse_float=str, parse_int=str, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at column {error.colno} ({error.msg}). Correct it") from None
    except RecursionError:
        raise ValueError("JSON nested too deeply. Give one flat object a line") from None
    if not isinstance(value, dict) or not value:
        raise ValueError("not a JSON object with keys. Give one flat object a line")
    return {key: _scalar(key, entry) for key, entry in value.items()}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key appears twice in one object. Rename one")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON. Write null or text")


def _scalar(key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # numbers too: they arrive as they were written
        return value
    raise ValueError(f"the value of {quoted(key)} is nested. Give text, a number, true, false or null")


def _aligned(record: dict[str, str], columns: Sequence[str]) -> tuple[str, ...]:
    odd = [quoted(key) for key in sorted(set(columns) ^ set(record))]
    if odd:
        raise ValueError(f"other keys than the first object: {listed(odd)}. Give every object the same keys")
    return tuple(record[column] for column in columns)


def parse_workbook(content: bytes, *, sheet: str | None, name: str) -> Records:
    """One sheet of an .xlsx workbook; its first row that is not blank is the header. Raises DataError."""
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        cells = _sheet(workbook, sheet, name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise DataError(f"{name}: not a readable .xlsx workbook ({error}). Save it again as .xlsx.") from None
    rows = [row for row in _sheet_rows(cells) if row.fields] or [RawRow(line=1, fields=())]
    columns, width = rows[0].fields, len(rows[0].fields)
    filled = (RawRow(line=r.line, fields=r.fields + ("",) * (width - len(r.fields))) for r in rows[1:])
    below = cells[rows[0].line :]
    return Records(columns=columns, rows=tuple(filled), numeric_columns=_numeric_columns(columns, below))


def _sheet(workbook: CalamineWorkbook, sheet: str | None, name: str) -> CalamineSheet:
    names = workbook.sheet_names
    found = listed([quoted(each) for each in names], most=10)
    if sheet is None and len(names) > 1:
        raise DataError(f"{name} has {len(names)} sheets ({found}). Pass --sheet NAME.")
    if sheet is not None and sheet not in names:
        raise DataError(f"{name} has no sheet {quoted(sheet)}; found {found}.")
    return workbook.get_sheet_by_name(sheet or names[0])


def _sheet_rows(cells: Sequence[Sequence[Cell]]) -> Iterator[RawRow]:
    """Rows up to their last filled cell."""
    for number, row in enumerate(cells, start=1):
        texts = [_cell_text(cell) for cell in row]
        while texts and not texts[-1]:
            texts.pop()
        yield RawRow(line=number, fields=tuple(texts))


def _cell_text(cell: Cell) -> str:
    """What the cell shows: TRUE for a truth value, no decimals for a whole number, ISO 8601 for a date."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _numeric_columns(columns: Sequence[str], cells: Sequence[Sequence[Cell]]) -> frozenset[str]:
    return frozenset(column for i, column in enumerate(columns) if any(_is_number(row[i]) for row in cells))


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
