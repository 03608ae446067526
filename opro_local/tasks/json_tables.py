"""JSON -> Records: an object a line, or one list of objects."""

import json
from collections.abc import Iterator, Mapping

from opro_local.errors import DataError
from opro_local.tasks.formats import Columns, Records
from opro_local.tasks.nested import Entry, Unreadable, records_of

DEEP = "JSON nested too deeply. Give one flat object a line"


def parse_json(text: str, *, columns: Columns, name: str) -> Records:
    """Raises DataError for a list that is not valid JSON; a line that is none has a fault."""
    entries = _listed(text, name) if text.lstrip()[:1] == "[" else None
    if entries is None:
        return records_of([_entry(number, line) for number, line in _lines(text)], columns, "line")
    return records_of(entries, columns, "record")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Those that are not blank, each with its number."""
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it would break at.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def _listed(text: str, name: str) -> list[Entry] | None:
    """The entries of one list; None where each line is a value of its own."""
    try:
        values = _parsed(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return None
        raise DataError(
            f"{name} line {error.lineno}: not valid JSON at column {error.colno} ({error.msg}). Correct it."
        ) from None
    except RecursionError:
        raise DataError(f"{name}: JSON nested too deeply. Give a list of flat objects.") from None
    assert isinstance(values, list)  # it began with a bracket
    return [_checked(number, value) for number, value in enumerate(values, start=1)]


def _entry(number: int, line: str) -> Entry:
    try:
        return _checked(number, _parsed(line), raw=line)
    except json.JSONDecodeError as error:
        fault = f"not valid JSON at column {error.colno} ({error.msg}). Correct it"
    except RecursionError:
        fault = DEEP
    return Entry(number=number, record={}, fault=fault, raw=line)


def _checked(number: int, value: object, raw: str = "") -> Entry:
    if isinstance(value, Mapping) and value:
        return Entry(number=number, record=value)
    fault = "not a JSON object with keys. Give an object for each row"
    return Entry(number=number, record={}, fault=fault, raw=raw)


def _parsed(text: str) -> object:
    """Numbers as they are written; what cannot be used is marked where it stands."""
    return json.loads(
        text, object_pairs_hook=_unique, parse_float=str, parse_int=str, parse_constant=_no_constant
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                record[key] = Unreadable("a key appears twice in one object. Rename one")
            seen.add(key)
    return record


def _no_constant(name: str) -> Unreadable:
    return Unreadable(f"{name} is not JSON. Write null or text")
