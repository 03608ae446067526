"""What each proposer brought, worked out by hand."""

from opro_local.records import Score
from opro_local.results.overview import ProposerResult
from opro_local.results.proposals import ProposalRecord, best_entry, by_proposer


def entry(
    origin: str, value: float | None = None, *, reason: str | None = None, dropped: bool = False
) -> ProposalRecord:
    name = f"{origin} {value}"
    return ProposalRecord(
        step=0,
        text=name,
        origin=origin,
        author="program",
        reason=reason,
        solution=None if reason else name,
        key=None if reason else name,
        score=None if value is None else Score(value=value),
        dropped=dropped,
    )


ENTRIES = [
    entry("start", 0.5),
    entry("opro tagged", reason="empty"),
    entry("opro tagged", 0.4),
    entry("sets", 0.7),
    entry("sets", 0.95, dropped=True),
    entry("sets", 0.8),
    entry("opro tagged", reason="empty"),
    entry("words"),
]


def test_each_proposer_is_told_with_what_it_brought() -> None:
    best = best_entry(ENTRIES, "maximize", {"sets 0.8"})
    found = {row.proposer: row for row in by_proposer(ENTRIES, "maximize", best)}
    assert list(found) == ["sets", "start", "opro tagged", "words"]
    assert found["sets"] == ProposerResult(
        proposer="sets", proposals=3, accepted=3, rejected={}, dropped=1, records=2, best=0.8, won=True
    )
    assert (found["opro tagged"].accepted, found["opro tagged"].rejected) == (1, {"empty": 2})
    assert (found["opro tagged"].records, found["opro tagged"].won) == (0, False)
    assert found["words"].best is None


def test_where_less_is_better_the_smallest_is_best() -> None:
    best = best_entry(ENTRIES, "minimize", set())
    assert best is not None
    assert best.origin == "opro tagged"
    rows = by_proposer(ENTRIES, "minimize", best)
    assert [row.proposer for row in rows] == ["opro tagged", "start", "sets", "words"]
    assert rows[2].best == 0.7


def test_before_there_is_a_winner_the_best_that_ran_its_race_is_shown() -> None:
    found = best_entry(ENTRIES, "maximize", {"unknown"})
    assert found is not None
    assert found.score == Score(value=0.8)
    assert best_entry([entry("words")], "maximize", set()) is None
