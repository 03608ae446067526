"""A table -> its labelled rows: which columns they come from, and what is left out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from opro_local.answers import AnswerKind
from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.records import LabelledRow
from opro_local.tasks.annotators import settled
from opro_local.tasks.formats import RawRow
from opro_local.tasks.labelled_rows import LabelledRows, check_conflicts
from opro_local.tasks.readers import Table, read_table
from opro_local.tasks.targets import label_columns, target_column
from opro_local.wording import counted, quoted


def table_rows(path: Path, settings: TaskSettings, kind: type[AnswerKind]) -> LabelledRows:
    """The rows of a table that have a text and a target. Raises SettingsError and DataError."""
    table, column = read_table(path, settings, kind), target_column(settings)
    if not settings.text or (column is None and not kind.optional_targets):
        raise SettingsError(
            f"which columns of {table.name} hold the text and the label? Pass --text and --label; "
            f"found {table.found}."
        )
    for part in label_columns(settings):
        table.index(part)
    texts = [table.index(column) for column in settings.text]
    target = None if column is None else table.index(column)
    id_column = None if settings.id is None else table.index(settings.id)
    labelled = [row for row in table.rows if kind.optional_targets or _cell(row, target).strip()]
    usable = [row for row in labelled if any(row.fields[i].strip() for i in texts)]
    rows = [
        LabelledRow(
            where=f"{table.name} {table.unit} {row.line}",
            text=_text(row, texts, settings.text),
            target=_cell(row, target),
            id=None if id_column is None else row.fields[id_column],
        )
        for row in usable
    ]
    if not rows:
        raise DataError(f"{table.name}: no row has both a text and a label. Fill in the label column.")
    rows, trimmed = _trimmed(rows) if kind.targets_are_labels else (rows, 0)
    lines, notes = settled(rows, settings.annotators)
    if not lines:
        raise DataError(f"{table.name}: no text has a label that its annotators agree on.")
    check_conflicts(lines, settings.split.twins)
    unlabelled, blank = len(table.rows) - len(labelled), len(labelled) - len(usable)
    warnings = (
        *table.warnings,
        *_number_warning(table, settings, kind),
        *_counts(unlabelled=unlabelled, blank=blank, trimmed=trimmed),
        *notes,
    )
    return LabelledRows(lines=tuple(lines), unlabelled=unlabelled, warnings=warnings)


def _cell(row: RawRow, place: int | None) -> str:
    return "" if place is None else row.fields[place]


def _text(row: RawRow, indices: Sequence[int], columns: Sequence[str]) -> str:
    """The one text column as it is; several as "column: value" lines."""
    if len(indices) == 1:
        return row.fields[indices[0]]
    return "\n".join(f"{column}: {row.fields[i]}" for i, column in zip(indices, columns, strict=True))


def _trimmed(rows: Sequence[LabelledRow]) -> tuple[list[LabelledRow], int]:
    """The rows without blanks around their labels, and how many had some."""
    trimmed = [replace(row, target=row.target.strip()) for row in rows]
    return trimmed, sum(new.target != old.target for new, old in zip(trimmed, rows, strict=True))


def _number_warning(table: Table, settings: TaskSettings, kind: type[AnswerKind]) -> Iterator[str]:
    if kind.targets_are_names and settings.label in table.numeric_columns:
        yield (
            f"column {quoted(settings.label)} of {table.name} holds numbers: leading zeros are already gone. "
            "Format it as text where they matter."
        )


def _counts(*, unlabelled: int, blank: int, trimmed: int) -> Iterator[str]:
    if unlabelled:
        yield f"{counted(unlabelled, 'row')} without a label left out."
    if blank:
        yield f"{counted(blank, 'row')} without a text left out."
    if trimmed:
        yield f"{counted(trimmed, 'label')} with blanks around, which are cut off."
