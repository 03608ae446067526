"""Rows that must stay right: a table of their own, read as the task's is; its rows are no others'."""

from collections.abc import Sequence
from pathlib import Path

from opro_local.answers import AnswerKind
from opro_local.config import TaskSettings
from opro_local.errors import DataError
from opro_local.records import Example
from opro_local.tasks.labelled_rows import LabelledRows, check_targets, examples_of
from opro_local.tasks.table_rows import table_rows
from opro_local.tasks.twins import key_of
from opro_local.wording import listed, quoted


def must_stay_rows(settings: TaskSettings, folder: Path, kind: AnswerKind) -> tuple[Example, ...]:
    """None where the settings name no such table. Raises SettingsError and DataError."""
    if settings.must_stay is None:
        return ()
    rows: LabelledRows = table_rows(folder / settings.must_stay, settings, type(kind))
    unknown = [line for line in rows.all if kind.classes and line.target not in kind.classes]
    if unknown:
        raise DataError(
            f"{unknown[0].where}: the table has no row with the label {quoted(unknown[0].target)}. "
            f"Take one of {listed([quoted(label) for label in kind.classes])}."
        )
    check_targets(rows.all, kind, published=False)
    return examples_of(rows.all, kind)


def apart(
    examples: Sequence[Example], must_stay: Sequence[Example], settings: TaskSettings
) -> tuple[Example, ...]:
    """The examples that say something else: no row is both searched with and kept right.

    Raises DataError where one of them has the id of a row that must stay right.
    """
    key = key_of(settings.split.twins)
    texts = {key(row.text) for row in must_stay}
    others = tuple(row for row in examples if key(row.text) not in texts)
    if shared := sorted({row.id for row in others} & {row.id for row in must_stay}):
        raise DataError(
            f"{settings.must_stay}: the id {quoted(shared[0])} is that of another row of the table. "
            "Make ids unique."
        )
    return others
