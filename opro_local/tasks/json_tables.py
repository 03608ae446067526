"""JSON -> Records: an object a line, one list of objects, or SQuAD's own files."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from opro_local.errors import DataError
from opro_local.tasks.formats import Columns, Records
from opro_local.tasks.nested import Entry, Unreadable, records_of
from opro_local.tasks.squad import account_of, questions_of, squad_articles

DEEP = "JSON nested too deeply. Give one flat object a line"


def parse_json(text: str, *, columns: Columns, name: str) -> Records:
    """Raises DataError for a value of several lines that is not JSON; a line that is none has a fault."""
    value = _whole(text, name)
    if value is None:
        return records_of([_entry(number, line) for number, line in _lines(text)], columns, "line")
    articles = squad_articles(value)
    values = questions_of(articles) if articles else value if isinstance(value, list) else [value]
    records = records_of(_numbered(values), columns, "record")
    return replace(records, notes=(*account_of(articles), *records.notes))


def _numbered(values: Iterable[object]) -> list[Entry]:
    return [_checked(number, value) for number, value in enumerate(values, start=1)]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Those that are not blank, each with its number."""
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it would break at.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def _whole(text: str, name: str) -> object:
    """What all of the text is, if it is one list or object; None where each line is a value of its own."""
    first = text.lstrip().partition("\n")[0].strip()
    if first[:1] not in ("[", "{"):
        return None
    is_one = first[0] == "[" or first == "{"
    try:
        return _parsed(text)
    except json.JSONDecodeError as error:
        if not is_one or error.msg == "Extra data":
            return None
        raise DataError(
            f"{name} line {error.lineno}: not valid JSON at column {error.colno} ({error.msg}). Correct it."
        ) from None
    except RecursionError:
        if not is_one:
            return None
        raise DataError(f"{name}: JSON nested too deeply. Give a list of flat objects.") from None


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
