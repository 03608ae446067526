"""What became of the rows that had to stay right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_local.records import Answer, Candidate
from opro_local.scoring.marking import Marking
from opro_local.store.reader import RunReader
from opro_local.tasks.task import task_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class MustStayRow:
    """start and winner are what these answered, None for no answer; broken_by counts finalists.

    held: the best start is right, so that a finalist may not be wrong.
    """

    id: str
    text: str
    target: str
    start: str | None
    winner: str | None
    held: bool
    broken_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MustStay:
    """start is the instruction of the best start; of so many finalists so many broke a row.

    start_stays: none was left, so that the start won.
    """

    start: str
    finalists: int
    broken: int
    start_stays: bool
    rows: Sequence[MustStayRow]


def must_stay(run: RunReader, winner: str | None) -> MustStay | None:
    """None before they are measured. winner is a key."""
    measured = [e.candidate for e in run.evaluations if e.role == "must stay"]
    compared = {e.candidate.key for e in run.evaluations if e.role == "compared"}
    finalists = {e.candidate.key for e in run.evaluations if e.role == "finalist"}
    if not measured or not compared:
        return None
    task = task_from_json(run.header.problem_json)
    marking = Marking.of(task)
    answers = {c.key: _answers(run, marking, c) for c in measured}
    start = answers[measured[0].key]
    won = answers.get(winner or "", {})
    return MustStay(
        start=measured[0].instruction,
        finalists=len(finalists),
        broken=len(finalists - compared),
        start_stays=finalists.isdisjoint(compared - {measured[0].key}),
        rows=[
            MustStayRow(
                id=row.id,
                text=row.text,
                target=row.target,
                start=start[row.id].prediction,
                winner=won[row.id].prediction if row.id in won else None,
                held=start[row.id].correct,
                broken_by=sum(start[row.id].correct and not answers[k][row.id].correct for k in finalists),
            )
            for row in task.must_stay
            if row.id in start
        ],
    )


def _answers(run: RunReader, marking: Marking, candidate: Candidate) -> Mapping[str, Answer]:
    outcomes = list(run.outcomes(candidate.key, "must_stay").values())
    return {answer.example_id: answer for answer in marking.answers(outcomes, candidate.calibration)}
