"""The proposals of a run with what became of each, and what each proposer brought."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opro_local.records import Author, Candidate, Direction, Score, Scored, Step
from opro_local.results.overview import ProposerResult, finite
from opro_local.results.trajectory import gain
from opro_local.store.header import RunHeader
from opro_local.store.reader import RunReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRecord:
    """A proposal and what became of it; solution as scored, else as proposed; key tells equal ones."""

    step: int
    text: str
    origin: str
    author: Author
    reason: str | None
    solution: str | None
    key: str | None
    score: Score | None
    dropped: bool


def entries_of(run: RunReader) -> list[ProposalRecord]:
    """In the order in which they were proposed."""
    return [entry for step in run.all_steps for entry in _entries(run.header, step)]


def _entries(header: RunHeader, step: Step[str]) -> Iterator[ProposalRecord]:
    scored: Mapping[str | None, Scored[str]] = {_key(header, s.solution): s for s in step.scored}
    for proposal in step.proposals:
        key = None if proposal.solution is None else _key(header, proposal.solution)
        found = scored.get(key)
        yield ProposalRecord(
            step=step.number,
            text=proposal.text,
            origin=proposal.origin,
            author=proposal.author,
            reason=proposal.reason,
            solution=found.solution if found else proposal.solution,
            key=key,
            score=found.score if found else None,
            dropped=found is not None and found.dropped,
        )


def _key(header: RunHeader, solution: str) -> str:
    return Candidate.from_json(solution).key if header.is_task else solution


def best_entry(
    entries: Sequence[ProposalRecord], direction: Direction, winners: set[str]
) -> ProposalRecord | None:
    """The winner, if its key is known; until then the best score so far; of equal ones the first."""
    whole = [e for e in entries if e.score and math.isfinite(e.score.value) and not e.dropped]
    candidates = [entry for entry in whole if entry.key in winners] or whole
    return max(candidates, key=lambda entry: _value(entry, direction), default=None)


def by_proposer(
    entries: Sequence[ProposalRecord], direction: Direction, best: ProposalRecord | None
) -> list[ProposerResult]:
    """What each proposer brought, in the order of their best; accepted is what the filters left."""
    records = Counter(entry.origin for entry in _records(entries, direction))
    origins = dict.fromkeys(entry.origin for entry in entries)
    found = [
        _brought(
            [entry for entry in entries if entry.origin == origin],
            direction,
            records=records[origin],
            won=best is not None and best.origin == origin,
        )
        for origin in origins
    ]
    return sorted(found, key=lambda row: (row.best is None, -gain(row.best or 0.0, direction)))


def _brought(
    own: Sequence[ProposalRecord], direction: Direction, *, records: int, won: bool
) -> ProposerResult:
    top = best_entry(own, direction, set())
    return ProposerResult(
        proposer=own[0].origin,
        proposals=len(own),
        accepted=sum(entry.reason is None for entry in own),
        rejected=dict(Counter(entry.reason for entry in own if entry.reason is not None)),
        dropped=sum(entry.dropped for entry in own),
        records=records,
        best=finite(top.score.value) if top and top.score else None,
        won=won,
    )


def _records(entries: Sequence[ProposalRecord], direction: Direction) -> Iterator[ProposalRecord]:
    """The entries that were better than all before them."""
    best: float | None = None
    for entry in entries:
        if entry.score is None or entry.dropped:
            continue
        if best is None or _value(entry, direction) > best:
            best = _value(entry, direction)
            yield entry


def _value(entry: ProposalRecord, direction: Direction) -> float:
    assert entry.score is not None
    return gain(entry.score.value, direction)


def numbers(solution: str) -> tuple[float, ...]:
    """Of a mathematical problem."""
    return tuple(json.loads(solution))
