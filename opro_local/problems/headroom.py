"""Is there anything to gain? Very different candidates on the first rows of train, before a search."""

from collections.abc import Sequence

from opro_local.evidence.headroom import Headroom, headroom
from opro_local.problems.measurement import Measurement
from opro_local.problems.selection import record
from opro_local.recording import Evaluation, OutcomeLedger
from opro_local.records import Candidate


def measured_headroom(
    measurement: Measurement, candidates: Sequence[Candidate], rows: int, ledger: OutcomeLedger
) -> Headroom:
    """Whether the candidates score differently on so many rows."""
    sheet = measurement.sheet("train", ledger)
    first = sheet.rows[:rows]
    for block in sheet.blocks(first):
        sheet.ask(candidates, block)
    answers = []
    for candidate in candidates:
        outcomes = sheet.outcomes(candidate, first)
        fitted = measurement.calibrated(candidate, outcomes)
        score = measurement.score(fitted, outcomes)
        record(Evaluation(role="headroom", split="train", candidate=fitted, score=score), ledger)
        answers.append(measurement.answers(fitted, outcomes))
    worth, measure = measurement.marking.row_scores(answers)
    return headroom(worth, measure=measure)
