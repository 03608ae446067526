"""Replies that a person has graded: what a judge is measured by, before it grades any others."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from opro_local.answers import AnswerKind
from opro_local.config import TaskSettings
from opro_local.errors import DataError
from opro_local.reading.numbers import number_value
from opro_local.tasks.formats import RawRow
from opro_local.tasks.readers import Table, read_table
from opro_local.wording import quoted

GRADES = ("1", "2", "3", "4", "5")
"""From the worst to the best."""
COLUMNS = ("text", "reply", "grade")
REFERENCE = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedReply:
    """target is a reference answer, "" where there is none; grade one of GRADES."""

    text: str
    reply: str
    grade: str
    target: str = ""


def graded_replies(settings: TaskSettings, folder: Path) -> tuple[GradedReply, ...]:
    """The rows of the table that the settings name, none if they name none. Raises DataError."""
    if settings.judge_rows is None:
        return ()
    own = {"text": COLUMNS[:2], "label": COLUMNS[2], "encoding": settings.encoding}
    table = read_table(folder / settings.judge_rows, TaskSettings(**own), AnswerKind)
    places = [table.index(column) for column in COLUMNS]
    reference = table.index(REFERENCE) if REFERENCE in table.columns else None
    return tuple(_graded(table, row, places, reference) for row in table.rows)


def _graded(table: Table, row: RawRow, places: list[int], reference: int | None) -> GradedReply:
    text, reply, said = (row.fields[place] for place in places)
    value = number_value(said)
    grade = said if value is None else str(value)  # 4.0 is 4
    if grade not in GRADES:
        raise DataError(
            f"{table.name} {table.unit} {row.line}: the grade {quoted(said)} is none of "
            f"{', '.join(GRADES)}. Correct it."
        )
    if not reply.strip():
        raise DataError(f"{table.name} {table.unit} {row.line}: no reply was graded. Remove the row.")
    target = "" if reference is None else row.fields[reference]
    return GradedReply(text=text, reply=reply, grade=grade, target=target)


def notes_of(replies: Sequence[GradedReply]) -> Iterator[str]:
    """What the user should know of them."""
    often = Counter(reply.grade for reply in replies)
    if replies:
        shown = ", ".join(f"{often[grade]} of grade {grade}" for grade in GRADES)
        yield f"replies to measure the judge by: {len(replies)} ({shown})."
