"""Rows that two prompts answer differently: what one fixes and what it breaks."""

from collections.abc import Iterator, Sequence
from itertools import chain

from opro_local.report.section import Section
from opro_local.report.table import Cell, Table
from opro_local.results.flips import Flip
from opro_local.results.result import TaskResult
from opro_local.results.steps import best_start
from opro_local.results.words import instruction_text

LONGEST_ROW = 400
"""Characters of a row's text on a page."""
MARGIN = "margin: log-probability of the right label less that of the likeliest other, in nats"


def flip_section(run: TaskResult) -> Iterator[Section]:
    """Beside the best start."""
    start = best_start(run)
    for found in run.flips:
        if start and found.instruction == start.instruction:
            yield Section(
                title="Rows fixed and broken",
                lines=[
                    f"test rows, against {instruction_text(found.instruction)}: {len(found.fixed)} fixed, "
                    f"{len(found.broken)} broken"
                ],
                tables=[
                    *flip_table("Fixed", found.fixed, "winner", "baseline"),
                    *flip_table("Broken", found.broken, "winner", "baseline"),
                ],
            )
            return


def flip_table(title: str, rows: Sequence[Flip], ours: str, theirs: str) -> Iterator[Table]:
    """With scores where some are between right and wrong, and with feedback where a grader gave any."""
    columns = ("row", "text", "right answer", f"{ours}'s answer", f"{theirs}'s answer")
    scored = any(score % 1 for row in rows for score in (row.winner_score, row.baseline_score))
    judged = any(row.winner_feedback or row.baseline_feedback for row in rows)
    shown = ["margin", *(["score"] if scored else []), *(["feedback"] if judged else [])]
    if rows:
        yield Table(
            title=title,
            columns=(*columns, *(f"{whose}'s {what}" for what in shown for whose in (ours, theirs))),
            rows=[
                (r.id, r.text, r.target, r.winner, r.baseline, *chain(*(_both(r, each) for each in shown)))
                for r in rows
            ],
            caption=MARGIN,
            longest=LONGEST_ROW,
        )


def _both(row: Flip, what: str) -> tuple[Cell, Cell]:
    """Of the winner and the baseline."""
    return getattr(row, f"winner_{what}"), getattr(row, f"baseline_{what}")
