"""The proposals of a run with what became of each, and what each proposer brought."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from opro_local.records import Candidate, Direction, Score
from opro_local.store.header import RunHeader
from opro_local.store.rows import read, score_from_json

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRecord:
    """A proposal and what became of it; solution as scored, else as proposed; key tells equal ones."""

    step: int
    text: str
    origin: str
    author: str
    reason: str | None
    solution: str | None
    key: str | None
    score: Score | None
    dropped: bool


def read_entries(database: apsw.Connection, header: RunHeader) -> Iterator[ProposalRecord]:
    """In the order in which they were proposed."""
    scored: dict[tuple[int, str | None], tuple[str | None, Score | None, bool]] = {
        (step, _key(header, solution)): (solution, score_from_json(score), bool(dropped))
        for step, solution, score, dropped in read(
            database, "SELECT step, solution, score, dropped FROM scored"
        )
    }
    query = "SELECT step, text, origin, author, reason, solution FROM proposal ORDER BY step, position"
    for step, text, origin, author, reason, proposed in read(database, query):
        key = None if proposed is None else _key(header, proposed)
        solution, score, dropped = scored.get((step, key), (proposed, None, False))
        yield ProposalRecord(
            step=step,
            text=text,
            origin=origin,
            author=author,
            reason=reason,
            solution=solution,
            key=key,
            score=score,
            dropped=dropped,
        )


def _key(header: RunHeader, solution: str) -> str:
    return Candidate.from_json(solution).key if header.kind == "task" else solution


def best_entry(
    entries: Sequence[ProposalRecord], direction: Direction, winners: set[str]
) -> ProposalRecord | None:
    """The winner, if its key is known; until then the best score so far; of equal ones the first."""
    whole = [entry for entry in entries if entry.score is not None and not entry.dropped]
    candidates = [entry for entry in whole if entry.key in winners] or whole
    return max(candidates, key=lambda entry: _value(entry, direction), default=None)


def by_proposer(
    entries: Sequence[ProposalRecord], direction: Direction, best: ProposalRecord | None
) -> list[Document]:
    """What each proposer brought: proposals, those accepted, records that it set on train, its best.

    In the order of their best; accepted is what the filters left.
    """
    records = list(_records(entries, direction))
    found = []
    for origin in dict.fromkeys(entry.origin for entry in entries):
        own = [entry for entry in entries if entry.origin == origin]
        whole = [entry for entry in own if entry.score is not None and not entry.dropped]
        top = max(whole, key=lambda entry: _value(entry, direction), default=None)
        found.append(
            {
                "proposer": origin,
                "proposals": len(own),
                "accepted": sum(entry.reason is None for entry in own),
                "rejected": dict(Counter(entry.reason for entry in own if entry.reason is not None)),
                "dropped": sum(entry.dropped for entry in own),
                "records": sum(entry.origin == origin for entry in records),
                "best": top.score.value if top and top.score else None,
                "won": best is not None and best.origin == origin,
            }
        )
    sign = 1.0 if direction == "maximize" else -1.0
    return sorted(found, key=lambda row: (row["best"] is None, -sign * (row["best"] or 0.0)))


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
    return entry.score.value if direction == "maximize" else -entry.score.value


def in_full(header: RunHeader, entry: ProposalRecord) -> Document:
    """A solution in full."""
    solution = json.loads(entry.solution or "null")
    fields = solution if header.kind == "task" else {"solution": solution}
    return {**fields, "key": entry.key, "step": entry.step, "origin": entry.origin}
