"""The section on rows that had to stay right."""

from collections.abc import Iterator

from opro_local.report.flips import LONGEST_ROW
from opro_local.report.section import Section
from opro_local.report.table import Table
from opro_local.results.must_stay import MustStay
from opro_local.results.result import TaskResult
from opro_local.results.verdicts import champion
from opro_local.results.words import instruction_text
from opro_local.wording import counted

TITLE = "Rows that must stay right"


def must_stay_section(run: TaskResult) -> Iterator[Section]:
    found = run.must_stay
    if found is None:
        return
    table = Table(
        title=TITLE,
        longest=LONGEST_ROW,
        columns=("row", "text", "right answer", "best start", champion(run), "broken by"),
        rows=[
            (r.id, r.text, r.target, r.start, r.winner, r.broken_by if r.held else None) for r in found.rows
        ],
        caption="broken by: finalists that are wrong where the best start is right; blank where it is not",
    )
    yield Section(title=TITLE, lines=list(_lines(found)), tables=[table])


def _lines(found: MustStay) -> Iterator[str]:
    held = sum(row.held for row in found.rows)
    yield (
        f"{held} of {counted(len(found.rows), 'row')} right with the best start "
        f"({instruction_text(found.start)}); {found.broken} of {counted(found.finalists, 'finalist')} broke "
        "one of them and could not win"
    )
    if found.start_stays:
        yield "no other finalist keeps them all right: the start stays"
