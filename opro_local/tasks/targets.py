"""The cells of a table that hold the right answers -> targets, as the kind of answer writes them."""

import json
from collections.abc import Sequence
from dataclasses import replace

from opro_local.answers import AnswerKind
from opro_local.config import TaskSettings
from opro_local.reading.several import texts_in
from opro_local.tasks.formats import RawRow, Records

TRUTH = dict.fromkeys(("1", "1.0", "true", "yes", "x"), True) | dict.fromkeys(
    ("0", "0.0", "false", "no"), False
)
"""What a column of a label may hold, case aside."""


def label_columns(settings: TaskSettings) -> tuple[str, ...]:
    """Those that hold a part of the target each; () where one holds all of it."""
    fields = tuple(field.source for field in settings.fields)
    return settings.label_columns or (fields if settings.label is None else ())


def target_column(settings: TaskSettings) -> str | None:
    """Where a table's targets stand: several columns are read as one."""
    several = label_columns(settings)
    return f"columns {', '.join(several)}" if several else settings.label  # no name of one of them


def with_targets(records: Records, settings: TaskSettings, kind: type[AnswerKind]) -> Records:
    """The records with a target in the target column; what is none is a fault of its cell."""
    column = target_column(settings)
    columns = label_columns(settings)
    if columns and set(columns) <= set(records.columns):
        records = _joined(records, settings)
    if kind.several_targets and column is not None:
        records = _together(records, column, settings)
    if column not in records.columns:
        return records
    at = records.columns.index(column)
    return replace(records, rows=tuple(_with_target(row, at, settings, kind) for row in records.rows))


def _together(records: Records, column: str, settings: TaskSettings) -> Records:
    """With what several columns of one name hold in the first; the others get names of their own."""
    places = [place for place, name in enumerate(records.columns) if name == column]
    if len(places) < 2:
        return records
    others = {place: f"{column} ({number})" for number, place in enumerate(places[1:], start=2)}
    columns = tuple(others.get(place, name) for place, name in enumerate(records.columns))

    def joined(row: RawRow) -> RawRow:
        if len(row.fields) != len(columns):
            return row
        texts = [text for place in places for text in texts_in(row.fields[place], settings.separator)]
        cells = {places[0]: json.dumps(texts, ensure_ascii=False)}
        return replace(row, fields=tuple(cells.get(place, cell) for place, cell in enumerate(row.fields)))

    return replace(records, columns=columns, rows=tuple(map(joined, records.rows)))


def _with_target(row: RawRow, at: int, settings: TaskSettings, kind: type[AnswerKind]) -> RawRow:
    if at >= len(row.fields) or at in row.cell_faults:
        return row
    try:
        target = kind.target_of(row.fields[at], settings)
    except ValueError as error:
        return replace(row, cell_faults={at: str(error)} | dict(row.cell_faults))
    return replace(row, fields=(*row.fields[:at], target, *row.fields[at + 1 :]))


def _joined(records: Records, settings: TaskSettings) -> Records:
    """With one more column: the names of the label columns that a row has a 1 in, as a list of JSON.

    Or an object of the fields that are not blank.
    """
    places = [records.columns.index(name) for name in label_columns(settings)]
    with_more = _with_names if settings.label_columns else _with_object
    rows = [
        with_more(row, places, settings) if len(row.fields) == len(records.columns) else row
        for row in records.rows
    ]
    return replace(records, columns=(*records.columns, str(target_column(settings))), rows=tuple(rows))


def _with_names(row: RawRow, places: Sequence[int], settings: TaskSettings) -> RawRow:
    """A row that is blank in all of them has a blank target."""
    cells = [row.fields[place].strip().casefold() for place in places]
    if settings.blank == "none":
        cells = [cell or "0" for cell in cells]
    if not any(cells):
        return replace(row, fields=(*row.fields, ""))
    names = [name for name, cell in zip(settings.label_columns, cells, strict=True) if TRUTH.get(cell)]
    faults = {place: fault for place, fault in zip(places, map(_fault, cells), strict=True) if fault}
    return replace(
        row,
        fields=(*row.fields, json.dumps(names, ensure_ascii=False)),
        cell_faults=faults | dict(row.cell_faults),
    )


def _with_object(row: RawRow, places: Sequence[int], settings: TaskSettings) -> RawRow:
    """A row that is blank in all of them has a blank target, unless all may be."""
    cells = {field.name: row.fields[place] for field, place in zip(settings.fields, places, strict=True)}
    given = {name: cell for name, cell in cells.items() if cell.strip()}
    blank = not given and any(field.required for field in settings.fields)
    return replace(row, fields=(*row.fields, "" if blank else json.dumps(given, ensure_ascii=False)))


def _fault(cell: str) -> str | None:
    if not cell:
        return "blank, though other labels of the row are not. Write 0 or 1, pass --blank none if it is a 0,"
    return None if cell in TRUTH else "neither 0 nor 1 in the column of a label. Write one"
