"""The files of a benchmark: where they lie, and their records, each with its place as messages name it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from opro_local.errors import DataError
from opro_local.records import LabelledRow
from opro_local.tasks.delimited import delimited_rows
from opro_local.tasks.readers import content_of, decoded, unusable
from opro_local.wording import counted, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFolder:
    """A folder of original files, or one that holds such a folder under the name of the benchmark."""

    path: Path
    benchmark: str
    encoding: str

    def find(self, *names: str) -> Path | None:
        """The first of these files that is there."""
        places = [place / name for place in (self.path, self.path / self.benchmark) for name in names]
        return next((place for place in places if place.is_file()), None)

    def need(self, *names: str) -> Path:
        """The first of these files that is there. Raises DataError when none is."""
        if not self.path.is_dir():
            raise DataError(
                f"{self.path} is no folder. Name the folder of the benchmark's files with --data."
            )
        found = self.find(*names)
        if found is None:
            raise DataError(
                f"{self.path} has no {' or '.join(names)}, nor has a folder {self.benchmark} in it. "
                "Name the folder of the benchmark's original files with --data."
            )
        return found

    def text(self, path: Path) -> str:
        return decoded(content_of(path, path.name), self.encoding, path.name)

    def document(self, path: Path) -> object:
        """A file that is one JSON value; numbers as they are written."""
        return _json(self.text(path), where=path.name)

    def json_lines(self, path: Path) -> Iterator[tuple[str, object]]:
        """The values of a file with one JSON value a line; blank lines are ignored."""
        for number, line in enumerate(self.text(path).split("\n"), start=1):
            if line.strip():
                where = f"{path.name} line {number}"
                yield where, _json(line, where=where)

    def csv_rows(self, path: Path, *, fields: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The rows of a CSV file without a header."""
        for row in delimited_rows(self.text(path), delimiter=",", name=path.name):
            yield _checked(f"{path.name} line {row.line}", row.fields, fields)

    def tsv_rows(self, path: Path, *, fields: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The lines of a TSV file without a header; a quote counts only where it encloses a whole field."""
        for number, line in enumerate(self.text(path).split("\n"), start=1):
            if line.strip():
                found = tuple(_unquoted(field) for field in line.rstrip("\r").split("\t"))
                yield _checked(f"{path.name} line {number}", found, fields)


def _checked(where: str, fields: tuple[str, ...], expected: int) -> tuple[str, tuple[str, ...]]:
    if len(fields) != expected:
        raise DataError(f"{where}: {counted(len(fields), 'field')}, expected {expected}. {RESTORE}")
    return where, fields


RESTORE = "Restore the original file."


def _unquoted(field: str) -> str:
    if len(field) > 1 and field[0] == field[-1] == '"':
        return field[1:-1].replace('""', '"')
    return field


def _json(text: str, *, where: str) -> object:
    try:
        found: object = json.loads(text, parse_float=str, parse_int=str, parse_constant=_refused)
    except json.JSONDecodeError as error:
        line = "" if "\n" not in text.strip() else f" at line {error.lineno}"
        raise DataError(f"{where}: not valid JSON{line} ({error.msg}). {RESTORE}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{where}: not valid JSON. {RESTORE}") from None
    return found


def _refused(name: str) -> NoReturn:
    raise ValueError(name)


def text_at(record: object, key: str, where: str) -> str:
    """The text that a record has under a key. Raises DataError."""
    value = value_at(record, key, where)
    if not isinstance(value, str):
        raise DataError(f"{where}: {key!r} is not a text. {RESTORE}")
    return value


def list_at(record: object, key: str, where: str) -> Sequence[object]:
    """The list that a record has under a key. Raises DataError."""
    value = value_at(record, key, where)
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} is not a list. {RESTORE}")
    return value


def value_at(record: object, key: str, where: str) -> object:
    """Raises DataError when the record is no JSON object, or has no such key."""
    if not isinstance(record, Mapping):
        raise DataError(f"{where}: not a JSON object. {RESTORE}")
    if key not in record:
        found = listed([repr(name) for name in record], most=5) or "none"
        raise DataError(f"{where}: no key {key!r}; found {found}. {RESTORE}")
    value: object = record[key]
    return value


def line_of(where: str, text: str, target: str) -> LabelledRow:
    """A row with its white space trimmed. Raises DataError when there is nothing to ask or to answer."""
    line = LabelledRow(where=where, text=text.strip(), target=target.strip())
    if not line.text or not line.target:
        raise DataError(f"{where}: no {'question' if not line.text else 'answer'}. {RESTORE}")
    if unusable(line.text + line.target):
        raise DataError(f"{where}: a NUL or half a surrogate pair. {RESTORE}")
    return line


def choice_line(where: str, question: str, options: Sequence[str], letter: str) -> LabelledRow:
    """A row of multiple choice: the question, an option a line, then the request for a letter.

    Raises DataError for a letter that no option has.
    """
    letters = [chr(ord("A") + i) for i in range(len(options))]
    if letter.strip() not in letters:
        raise DataError(f"{where}: the answer is none of {letters[0]} to {letters[-1]}. {RESTORE}")
    shown = [
        f"({name}) {' '.join(text.split()) or BLANK}" for name, text in zip(letters, options, strict=True)
    ]
    text = "\n".join([question.strip(), *shown, f"Which is right? Give one letter: {', '.join(letters)}."])
    return line_of(where, text if question.strip() else "", letter)


BLANK = "(blank)"
"""An option that is empty in the file."""
