"""Candidates that were not searched for here, measured part by part: given ones, and what a run has found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opro_local.config import Position
from opro_local.errors import DataError
from opro_local.problems.measurement import Measurement
from opro_local.recording import OutcomeLedger
from opro_local.records import Candidate, Example, Outcome, Score, SplitName
from opro_local.tasks.split import Split

Part = Literal["train", "validation", "test", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateScores:
    """A candidate and its scores by part of the rows; source says where it comes from."""

    source: str
    candidate: Candidate
    position: Position
    scores: Mapping[str, Score]


def evaluate(
    measurement: Measurement, candidates: Sequence[tuple[str, Candidate]], on: Part, ledger: OutcomeLedger
) -> list[CandidateScores]:
    """Fitted candidates, each with its source, on a part of the rows; "all" gives train, test and overall.

    Train is then every row that a search may use, validation and the pool included: published tables have no
    validation. Rows that one of the candidates shows as a shot are in no part. Raises DataError when
    that leaves a part without rows.
    """
    shown = {shot.text for _, candidate in candidates for shot in candidate.shots}
    split = _split(measurement.split, whole=on == "all", shown=shown)
    names: tuple[SplitName, ...] = ("train", "test") if on == "all" else (on,)
    for name in names:
        if not getattr(split, name):
            raise DataError(f"All rows of {name} are shots of a candidate: none is left to measure on.")
    measurement = replace(measurement, split=split)
    plain = [candidate for _, candidate in candidates]
    answers = {name: measurement.outcomes(plain, name, ledger) for name in names}
    return [
        CandidateScores(
            source=source,
            candidate=candidate,
            position=measurement.scorer.layout.position,
            scores={
                name: measurement.score(candidate, outcomes)
                for name, outcomes in _parts({name: answers[name][i] for name in names})
            },
        )
        for i, (source, candidate) in enumerate(candidates)
    ]


def _split(split: Split, *, whole: bool, shown: set[str]) -> Split:
    """The split without the rows that are shown; as a whole, all that a search may use is train."""
    train = (*split.train, *split.pool, *split.validation) if whole else split.train

    def without(rows: Sequence[Example]) -> tuple[Example, ...]:
        return tuple(row for row in rows if row.text not in shown)

    return Split(
        train=without(train),
        validation=() if whole else without(split.validation),
        test=without(split.test),
    )


def _parts(outcomes: Mapping[str, list[Outcome]]) -> Iterator[tuple[str, list[Outcome]]]:
    yield from outcomes.items()
    if len(outcomes) > 1:
        yield "overall", [outcome for part in outcomes.values() for outcome in part]
