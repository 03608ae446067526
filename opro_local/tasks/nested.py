"""Values within values, as JSON and Parquet hold them -> rows of texts.

A column is a key of the records or a dotted path into them. The first list on the way to a label holds the
answers of several annotators, each of which makes a row of its own, with the number of its record.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, time

from opro_local.reading.numbers import number_value
from opro_local.tasks.annotation_tools import is_void, left_out, submitted
from opro_local.tasks.annotators import RULES
from opro_local.tasks.formats import Columns, RawRow, Records, Unit
from opro_local.wording import counted, quoted

Record = Mapping[str, object]
JOINS = ("#", "|", ";", ",")
"""What may stand between several labels of one cell."""


class Unreadable(str):
    """A value that cannot be used; the text says why, and the first half of what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a file as it was parsed, or the fault that kept it from being one."""

    number: int
    record: Record
    fault: str | None = None
    raw: str = ""


def records_of(entries: Sequence[Entry], columns: Columns, unit: Unit) -> Records:
    """One row a record, several where a label has several answers."""
    good = [entry.record for entry in entries if entry.fault is None]
    names = tuple(dict.fromkeys([*_keys(good), *_paths(good, columns.used)]))
    dropped = sum(left_out(record, columns.used) for record in good)
    unread = sum(_unread(record, columns) for record in good)
    notes = []
    if dropped:
        notes.append(f"{counted(dropped, 'row')} that an annotator rejected or skipped left out.")
    if unread:
        notes.append(
            f"{counted(unread, 'row')} with several entries on the way to {quoted(columns.label or '')}: "
            f"only the numbered one is read. To weigh all, pass {RULES}."
        )
    rows = [row for entry in entries for row in _rows(entry, names, columns)]
    return Records(columns=names, rows=tuple(rows), unit=unit, notes=tuple(notes))


def _keys(records: Iterable[Record]) -> list[str]:
    """All that occur, in the order of their first appearance."""
    return list(dict.fromkeys(key for record in records for key in record))


def _paths(records: Sequence[Record], used: Sequence[str]) -> Iterator[str]:
    """Those of the used columns that lead to something in some record."""
    for column in used:
        if any(
            value not in (None, []) for record in records for value in answers(record, column, every=True)
        ):
            yield column


def _unread(record: Record, columns: Columns) -> bool:
    """Whether a number in the path of the label passes over other annotators' answers."""
    if columns.label is None or columns.every_annotator:
        return False
    chosen, all_of_them = (len(answers(record, columns.label, every=every)) for every in (False, True))
    return chosen < all_of_them


def _rows(entry: Entry, names: Sequence[str], columns: Columns) -> Iterator[RawRow]:
    if entry.fault is not None:
        yield RawRow(line=entry.number, fields=(entry.raw,), fault=entry.fault)
        return
    if left_out(entry.record, columns.used):
        return
    for label in _labels(entry.record, columns) or [None]:
        cells = [_cell(entry.record, name, label, columns) for name in names]
        yield RawRow(
            line=entry.number,
            fields=tuple(text for text, _ in cells),
            cell_faults={i: fault for i, (_, fault) in enumerate(cells) if fault is not None},
        )


def _cell(record: Record, name: str, label: object, columns: Columns) -> tuple[str, str | None]:
    """as_text of a column, or of the label, which may be a list or an object where these are wanted."""
    if name != columns.label:
        return as_text(_value(record, name), name)
    if columns.nested and isinstance(label, Mapping) and list(label) == ["choices"]:  # of Label Studio
        label = label["choices"]
    if columns.nested and isinstance(label, Mapping | list) and not (columns.several and _has_objects(label)):
        return json.dumps(label, ensure_ascii=False, default=str), None
    return as_text(label, name)


def _labels(record: Record, columns: Columns) -> list[object]:
    if columns.label is None:
        return []
    found = answers(record, columns.label, every=columns.every_annotator, whole=columns.nested)
    given = [answer for answer in found if answer is not None]
    together = columns.several and not columns.every_annotator and len(given) > 1
    return [given] if together and not _has_objects(given) else given


def _has_objects(value: object) -> bool:
    """Whether it is more than a list of plain values."""
    return not isinstance(value, list) or any(isinstance(each, Mapping | list) for each in value)


def _value(record: Record, column: str) -> object:
    return record[column] if column in record else _at(record, column.split("."))


def answers(record: Record, column: str, *, every: bool, whole: bool = False) -> list[object]:
    """The values of a label: one for each entry of the first list on the way to it, else one at most.

    A number in the path picks one entry, unless every is wanted. whole: a list at its end is one value.
    """
    value: object = record
    steps = column.split(".")
    while isinstance(value, Mapping) and steps:
        value, steps = _stepped(value, steps)
    if not isinstance(value, list) or (whole and not steps):
        return [] if steps or value is None else [value]
    numbered = bool(steps) and steps[0].isdigit()
    if numbered and not every:
        return [] if is_void(_at(value, steps[:1])) else [_at(value, steps)]
    kept = [entry for entry in submitted(record, column, value) if not is_void(entry)]
    return [_at(entry, steps[numbered:]) for entry in kept]


def _stepped(value: Record, steps: Sequence[str]) -> tuple[object, list[str]]:
    """One key further, the longest that is there: keys may have dots of their own."""
    for length in range(len(steps), 0, -1):
        key = ".".join(steps[:length])
        if key in value:
            return value[key], list(steps[length:])
    return None, list(steps)


def _at(value: object, steps: Sequence[str]) -> object:
    """What stands at the end of a path; a list of one is that one. None where there is nothing."""
    if not steps:
        return value
    if isinstance(value, Mapping):
        return _at(*_stepped(value, steps))
    if not isinstance(value, list) or not value:
        return None
    if steps[0].isdigit():
        return _at(value[int(steps[0])], steps[1:]) if int(steps[0]) < len(value) else None
    return _at(value[0], steps) if len(value) == 1 else [_at(entry, steps) for entry in value]


def as_text(value: object, name: str = "") -> tuple[str, str | None]:
    """A value as a cell, and what is wrong with it: a scalar, or a list of one, can be compared."""
    if isinstance(value, Unreadable):
        return "", str(value)
    if value is None:
        return "", None
    if isinstance(value, bool):
        return str(value).lower(), None
    if isinstance(value, date | time):
        return value.isoformat(), None
    if isinstance(value, Mapping) and list(value) == ["choices"]:  # Label Studio's several choices
        return as_text(value["choices"], name)
    if isinstance(value, list) and len(value) < 2:
        return as_text(value[0] if value else None, name)
    if isinstance(value, Mapping | list | bytes):
        return json.dumps(value, ensure_ascii=False, default=str), _nested(value, name)
    return str(value), None  # numbers: JSON's arrive as they were written


def _nested(value: object, name: str) -> str:
    if isinstance(value, list) and isinstance(value[0], Mapping):
        return _nested(value[0], name)
    if isinstance(value, list):
        return f"{quoted(name)} holds {len(value)} values. Give one"
    if isinstance(value, Mapping) and value:
        inner = f"{name}.{next(iter(value))}"
        return f"the value of {quoted(name)} is nested. Name the field that is meant, as {quoted(inner)}"
    return f"the value of {quoted(name)} is no text. Give text, a number, true, false or null"


def with_single_labels(records: Records, label: str | None, known: Sequence[str] = ()) -> Records:
    """The records with what JSON in a label's cell says, as Label Studio's CSV has it for several choices.

    Labels of the column that are joined in one cell, as doccano's CSV has them ("neg#pos"), are a fault
    unless the cell is a label that is known.
    """
    if label not in records.columns:
        return records
    at = records.columns.index(label)
    rows = [_with_single_label(row, at, label) for row in records.rows]
    alone = {row.fields[at].strip() for row in rows if at < len(row.fields)}
    joined = {text: len(parts) for text in alone - set(known) if (parts := _joined(text, alone))}
    return replace(records, rows=tuple(_without_joined(row, at, label, joined) for row in rows))


def _joined(text: str, labels: Set[str]) -> list[str]:
    """The labels that a text joins; none in a number with a decimal comma."""
    for sign in JOINS if number_value(text, "comma") is None else ():
        parts = [part.strip() for part in text.split(sign)]
        if len(parts) > 1 and all(part and part in labels for part in parts):
            return parts
    return []


def _without_joined(row: RawRow, at: int, label: str, joined: Mapping[str, int]) -> RawRow:
    count = joined.get(row.fields[at].strip()) if at < len(row.fields) else None
    if count is None:
        return row
    fault = f"{quoted(label)} holds {count} values. Give one, name it with --labels if it is one,"
    return replace(row, cell_faults={at: fault} | dict(row.cell_faults))


def _with_single_label(row: RawRow, at: int, label: str) -> RawRow:
    if at >= len(row.fields) or row.fields[at].lstrip()[:1] not in ("[", "{"):
        return row
    try:
        text, fault = as_text(json.loads(row.fields[at], parse_float=str, parse_int=str), label)
    except (ValueError, RecursionError):
        return row
    faults = row.cell_faults if fault is None else {at: fault} | dict(row.cell_faults)
    return replace(row, fields=(*row.fields[:at], text, *row.fields[at + 1 :]), cell_faults=faults)
