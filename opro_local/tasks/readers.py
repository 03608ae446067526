"""A labelled file -> Table, by strict rules: values are strings, nothing is guessed, no row is bent to fit.

CSV, TSV, JSON lines and XLSX. Every fault is one line that names the file, the line and what to do. With
bad_rows="skip" faulty rows are left out and kept, as they are and with the reason, in NAME.rejects.csv.
"""

import csv
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from opro_local.config import BadRows
from opro_local.durable import write_file
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.formats import RawRow, Records, parse_delimited, parse_json_lines, parse_workbook
from opro_local.wording import counted, listed, quoted

STDIN = Path("-")

# Only encodings that can fail say something by succeeding; Latin-1 reads any file.
CANDIDATES = ("utf-8", "cp1252", "cp1250", "gb18030", "shift_jis", "euc_kr", "big5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The usable rows of a file. unit is what its row numbers count: lines of text or rows of a sheet."""

    name: str
    unit: Literal["line", "row"]
    columns: tuple[str, ...]
    rows: tuple[RawRow, ...]
    numeric_columns: frozenset[str]
    warnings: tuple[str, ...]

    @property
    def found(self) -> str:
        """The columns as a message lists them."""
        return listed([quoted(column) for column in self.columns], most=20)

    def index(self, column: str) -> int:
        """Where the column stands in a row's fields. Raises DataError."""
        if column not in self.columns:
            raise DataError(f"{self.name} has no column {quoted(column)}; found {self.found}.")
        return self.columns.index(column)


def read_table(path: Path, *, encoding: str, sheet: str | None, bad_rows: BadRows, max_field: int) -> Table:
    """Read the file; the path "-" is standard input, as CSV.

    max_field is the most characters of one field. Raises DataError, and SettingsError for an option that
    does not fit the file.
    """
    name = "stdin" if path == STDIN else path.name
    suffix = ".csv" if path == STDIN else path.suffix.lower()
    if sheet is not None and suffix != ".xlsx":
        raise SettingsError(f"--sheet {quoted(sheet)}: {name} is not an .xlsx file and has no sheets.")
    records = _parser(suffix, name, encoding=encoding, sheet=sheet)(content_of(path, name))
    _check_header(name, records)
    unit: Literal["line", "row"] = "row" if suffix == ".xlsx" else "line"
    fault = partial(_fault, columns=records.columns, max_field=max_field, delimiter=_DELIMITERS.get(suffix))
    rejected = {row.line: why for row in records.rows if (why := fault(row)) is not None}
    if rejected and bad_rows == "error":
        line, why = next(iter(rejected.items()))
        raise DataError(f"{name} {unit} {line}: {why} or pass --bad-rows skip.")
    rows = tuple(row for row in records.rows if row.line not in rejected)
    warnings = _keep_rejects(path, records, rejected) if rejected else ()
    if not rows:
        raise DataError(f"{name} has columns but no usable rows: add a row for each example.")
    return Table(
        name=name,
        unit=unit,
        columns=records.columns,
        rows=rows,
        numeric_columns=records.numeric_columns,
        warnings=warnings,
    )


_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def _parser(suffix: str, name: str, *, encoding: str, sheet: str | None) -> Callable[[bytes], Records]:
    if suffix == ".xlsx":
        return partial(parse_workbook, sheet=sheet, name=name)
    if suffix == ".jsonl":
        return lambda content: parse_json_lines(decoded(content, encoding, name))
    if suffix in _DELIMITERS:
        delimiter = _DELIMITERS[suffix]
        return lambda content: parse_delimited(
            decoded(content, encoding, name), delimiter=delimiter, name=name
        )
    raise DataError(
        f"{name}: cannot read {suffix or 'a file without a suffix'}. Use .csv .tsv .xlsx or .jsonl."
    )


def content_of(path: Path, name: str) -> bytes:
    """Raises DataError when the file cannot be read."""
    try:
        return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}). Check the path.") from None


def decoded(content: bytes, encoding: str, name: str) -> str:
    """The text without its byte order mark. Raises DataError at the first byte that does not fit."""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        byte, line = content[error.start], content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name} line {line}: byte 0x{byte:02x} at offset {error.start} is not {encoding}. "
            f"{_encodings_that_read(content)}"
        ) from None
    except (LookupError, ValueError):
        raise SettingsError(f"--encoding {quoted(encoding)}: no such text encoding. Try utf-8.") from None
    position = text.find("\0")
    if position >= 0:
        before = text[:position]
        line, column = before.count("\n") + 1, position - before.rfind("\n")
        raise DataError(f"{name} line {line}: NUL at column {column}. If it is UTF-16: --encoding utf-16-le.")
    return text.removeprefix("\ufeff")


def _encodings_that_read(content: bytes) -> str:
    marked = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ()
    fitting = [encoding for encoding in marked + CANDIDATES if _reads(content, encoding)]
    if not fitting:
        return "No common encoding reads it: is it a text file?"
    return f"It can be read as {', '.join(fitting)}: pass the right one with --encoding."


def _reads(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _fault(row: RawRow, *, columns: tuple[str, ...], max_field: int, delimiter: str | None) -> str | None:
    """What is wrong with the row, and the first half of what to do."""
    if row.fault is not None:
        return row.fault
    if len(row.fields) != len(columns):
        advice = {",": "Quote the comma", "\t": "Quote the tab"}.get(delimiter or "", "Name every column")
        return f"{counted(len(row.fields), 'field')}, header has {len(columns)}. {advice}"
    longest = max(map(len, row.fields))
    if longest > max_field:
        return f"a field of {longest:,} characters, the most is {max_field:,}. Raise --max-field"
    if any(unusable(field) for field in row.fields):
        return "a NUL or half a surrogate pair in a field. Remove it"
    return None


def unusable(field: str) -> bool:
    """Whether the text holds what JSON escapes can smuggle in and no tokenizer can take."""
    return "\0" in field or any("\ud800" <= character <= "\udfff" for character in field)


def _check_header(name: str, records: Records) -> None:
    if not records.columns and not records.rows:
        raise DataError(f"{name} is empty: it needs named columns and a row for each example.")
    for i, column in enumerate(records.columns):
        if column and column in records.columns[:i]:
            raise DataError(f"{name}: two columns are named {quoted(column)}. Rename one.")


def _keep_rejects(path: Path, records: Records, rejected: dict[int, str]) -> tuple[str, ...]:
    """Write what was left out beside the file, or in the current folder; say where."""
    name = f"{'stdin' if path == STDIN else path.stem}.rejects.csv"
    lines = [["line", "reason", *records.columns]]
    lines += [[str(r.line), rejected[r.line], *r.fields] for r in records.rows if r.line in rejected]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    content = text.getvalue().encode(errors="backslashreplace")
    mode = None if path == STDIN else path.stat().st_mode & 0o666  # as private as the table
    for target in dict.fromkeys((path.parent / name, Path(name))):
        try:
            write_file(target, content, mode=mode)
        except OSError:
            continue
        return (f"{counted(len(rejected), 'row')} skipped; see {target} for each reason.",)
    raise DataError(
        f"{name} can be written neither beside the data nor in the current folder. Free one of them."
    )
