"""Rows that two prompts answer differently: what one fixes and what it breaks."""

from collections.abc import Iterator, Sequence

from opro_local.report.section import Section
from opro_local.report.table import Table
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
    columns = ("row", "text", "right answer", f"{ours}'s answer", f"{theirs}'s answer")
    if rows:
        yield Table(
            title=title,
            columns=(*columns, f"{ours}'s margin", f"{theirs}'s margin"),
            rows=[
                (r.id, r.text, r.target, r.winner, r.baseline, r.winner_margin, r.baseline_margin)
                for r in rows
            ],
            caption=MARGIN,
            longest=LONGEST_ROW,
        )
