"""Shots for open answers: how the model itself came to a right answer, not the answer alone.

Shown bare answers, a small model leaves out the reasoning that it needs. So the scorer works on some rows of
the pool step by step, and the replies that the grader calls right become the shots' answers, as in
bootstrapped few-shot prompting (DSPy, arXiv 2310.03714). Rows that are answered so are never scored.
"""

from collections.abc import Sequence
from dataclasses import replace

from opro_local.problems.measurement import Measurement
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.reading.replies import own_part
from opro_local.recording import OutcomeLedger
from opro_local.records import Candidate, Example, Outcome

WORKED_ROWS = 24
"""Rows that are worked on; the answers to them are scored pairs of the run."""
FEWEST = 4
"""Fewer right replies make no shots."""
MOST_CHARACTERS = 600
"""A longer reply is no good example."""


def worked_shots(
    measurement: Measurement, rows: Sequence[Example], ledger: OutcomeLedger
) -> tuple[Example, ...]:
    """The rows that are answered right step by step, the replies as their answers; none if they are few."""
    candidate = Candidate(instruction=STEP_BY_STEP)
    sheet = measurement.sheet("train", ledger)
    for block in sheet.blocks(rows):
        sheet.ask([candidate], block)
    replies = map(_worked_out, sheet.outcomes(candidate, rows))
    found = [replace(row, target=reply) for row, reply in zip(rows, replies, strict=True) if reply]
    return tuple(found) if len(found) >= FEWEST else ()


def _worked_out(outcome: Outcome) -> str | None:
    """A right reply, without a question that the model went on to ask itself."""
    reply = own_part(outcome.reply or "").strip()
    return reply if outcome.correct and 0 < len(reply) <= MOST_CHARACTERS else None
