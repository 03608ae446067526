"""A labelled file -> Table, by strict rules: values are strings, nothing is guessed, no row is bent to fit.

Every fault is one line that names the file, the line and what to do; what the task does not use has none.
With bad_rows="skip" faulty rows are left out and kept, as they are and with the reason, in NAME.rejects.csv.
"""

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opro_local.answers import AnswerKind
from opro_local.config import TaskSettings
from opro_local.durable import write_file
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.delimited import parse_delimited
from opro_local.tasks.formats import Columns, RawRow, Records, Unit
from opro_local.tasks.json_tables import parse_json
from opro_local.tasks.nested import with_single_labels
from opro_local.tasks.parquet import parse_parquet
from opro_local.tasks.sheet_cells import ERROR, column_letters, shows_error
from opro_local.tasks.targets import label_columns, target_column, with_targets
from opro_local.tasks.workbooks import FORMATS as WORKBOOKS
from opro_local.tasks.workbooks import parse_workbook
from opro_local.wording import counted, listed, quoted

STDIN = Path("-")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON = (".json", ".jsonl", ".ndjson")

# Only encodings that can fail say something by succeeding; Latin-1 reads any file.
CANDIDATES = ("utf-8", "cp1252", "cp1250", "gb18030", "shift_jis", "euc_kr", "big5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The usable rows of a file, and what the numbers of its rows count."""

    name: str
    unit: Unit
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
        if self.columns.count(column) > 1:
            raise DataError(f"{self.name}: two columns are named {quoted(column)}. Rename one.")
        return self.columns.index(column)


def read_table(path: Path, settings: TaskSettings, kind: type[AnswerKind]) -> Table:
    """Read the file as the settings say; the path "-" is standard input, as CSV.

    Targets are as the kind has them; where they are names, a JSON list of one is that one. Raises DataError,
    and SettingsError for an option that does not fit the file.
    """
    name = "stdin" if path == STDIN else path.name
    suffix = ".csv" if path == STDIN else path.suffix.lower()
    columns = Columns(
        text=settings.text,
        label=settings.label,
        id=settings.id,
        every_annotator=settings.annotators is not None,
        label_columns=label_columns(settings),
        nested=kind.targets_are_nested,
        several=kind.several_targets,
    )
    records = _parser(suffix, name, settings, columns)(content_of(path, name))
    if not records.columns and not records.rows:
        raise DataError(f"{name} is empty: it needs named columns and a row for each example.")
    if kind.targets_are_labels:
        records = with_single_labels(records, settings.label, settings.labels)
    records = with_targets(records, settings, kind)
    used = (*columns.used, target_column(settings))
    fault = partial(_fault, records=records, used=used, max_field=settings.max_field)
    faults = {row.line: found for row in records.rows if (found := fault(row)) is not None}
    if faults and settings.bad_rows == "error":
        raise DataError(f"{name} {_told(list(faults.values()))}")
    rows = tuple(row for row in records.rows if row.line not in faults)
    warnings = _keep_rejects(path, records, faults) if faults else ()
    if not rows:
        raise DataError(f"{name} has columns but no usable rows: add a row for each example.")
    return Table(
        name=name,
        unit=records.unit,
        columns=records.columns,
        rows=rows,
        numeric_columns=records.numeric_columns,
        warnings=(*records.notes, *warnings),
    )


def _parser(suffix: str, name: str, settings: TaskSettings, columns: Columns) -> Callable[[bytes], Records]:
    if settings.sheet is not None and suffix not in WORKBOOKS:
        raise SettingsError(f"--sheet {quoted(settings.sheet)}: {name} is no workbook and has no sheets.")
    if settings.delimiter is not None and suffix not in DELIMITERS:
        raise SettingsError(f"--delimiter: {name} is no .csv or .tsv file. Leave it out.")
    if suffix in WORKBOOKS:
        return partial(parse_workbook, suffix=suffix, sheet=settings.sheet, columns=columns, name=name)
    if suffix == ".parquet":
        return partial(parse_parquet, columns=columns, name=name)
    if suffix in JSON:
        return lambda content: parse_json(
            decoded(content, settings.encoding, name), columns=columns, name=name
        )
    if suffix in DELIMITERS:
        return lambda content: parse_delimited(
            decoded(content, settings.encoding, name),
            usual=DELIMITERS[suffix],
            given=settings.delimiter,
            columns=columns,
            name=name,
        )
    known = " ".join((*DELIMITERS, *WORKBOOKS, *JSON))
    raise DataError(f"{name}: cannot read {suffix or 'a file without a suffix'}. Use {known} or .parquet.")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """where: the row or cell; why: what is wrong, and the first half of what to do."""

    where: str
    why: str


def _fault(row: RawRow, *, records: Records, used: Sequence[str | None], max_field: int) -> _Fault | None:
    """The first thing that is wrong with a row."""
    where = f"{records.unit} {row.line}"
    if row.fault is not None:
        return _Fault(where=where, why=row.fault)
    if len(row.fields) != len(records.columns):
        fields = counted(len(row.fields), "field")
        return _Fault(where=where, why=f"{fields}, header has {len(records.columns)}. {records.raggedness}")
    for i in (i for i, column in enumerate(records.columns) if column in used):
        if (why := row.cell_faults.get(i)) is not None:
            return _Fault(
                where=where if records.sheet is None else _cell(records.sheet, row.line, i), why=why
            )
        if (why := _unfit(row.fields[i], max_field)) is not None:
            return _Fault(where=where, why=why)
    return None


def _cell(sheet: str, line: int, column: int) -> str:
    """A cell as formulas name it."""
    shown = sheet if sheet.isidentifier() else "'" + sheet.replace("'", "''") + "'"
    return f"cell {shown}!{column_letters(column)}{line}"


def _unfit(field: str, max_field: int) -> str | None:
    if len(field) > max_field:
        return f"a field of {len(field):,} characters, the most is {max_field:,}. Raise --max-field"
    if ERROR.fullmatch(field.strip()):
        return shows_error(field.strip())
    return "a NUL or half a surrogate pair in a field. Remove it" if unusable(field) else None


def _told(faults: Sequence[_Fault]) -> str:
    """The first fault, and where the others are."""
    first, *others = faults
    more = f" Also at fault: {listed([fault.where for fault in others], most=5)}." if others else ""
    return f"{first.where}: {first.why} or pass --bad-rows skip.{more}"


def unusable(field: str) -> bool:
    """Whether the text holds what JSON escapes can smuggle in and no tokenizer can take."""
    return "\0" in field or any("\ud800" <= character <= "\udfff" for character in field)


def _keep_rejects(path: Path, records: Records, faults: Mapping[int, _Fault]) -> tuple[str, ...]:
    """Write what was left out beside the file, or in the current folder; say where."""
    name = f"{'stdin' if path == STDIN else path.stem}.rejects.csv"
    lines = [["line", "reason", *records.columns]]
    lines += [[str(r.line), faults[r.line].why, *r.fields] for r in records.rows if r.line in faults]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    content = text.getvalue().encode(errors="backslashreplace")
    mode = None if path == STDIN else path.stat().st_mode & 0o666  # as private as the table
    for target in dict.fromkeys((path.parent / name, Path(name))):
        try:
            write_file(target, content, mode=mode)
        except OSError:
            continue
        return (f"{counted(len(faults), 'row')} skipped; see {target} for each reason.",)
    raise DataError(
        f"{name} can be written neither beside the data nor in the current folder. Free one of them."
    )
