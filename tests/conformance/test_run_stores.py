"""What every store of a run keeps to: the file that users have, and the one in memory that tests have.

What only a file can do (processes, locks, kills, versions) is tried in tests/store.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from memory_store import MemoryStore
from store_script import HEADER, CandidateCodec, candidate, drive, finish, outcome, proposed

from opro_local.errors import Interrupted, SealedTest, StoreError
from opro_local.recording import Evaluation, Event, EventArrived, EventKind, RunStore
from opro_local.records import Candidate, Score, Scored, Usage
from opro_local.store.events import ask
from opro_local.store.run_file import RunFile

WHO = candidate(0, 0)


class Hook:
    """What is called when something is saved; a test may set it."""

    def __init__(self) -> None:
        self.call: Callable[[], None] = lambda: None

    def __call__(self) -> None:
        self.call()


@dataclass(frozen=True)
class Kept:
    """A store, a way to ask something of its run, and what it calls when something is saved."""

    store: RunStore[Candidate]
    ask: Callable[[EventKind, str], None]
    saved: Hook


@pytest.fixture(params=["file", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    hook = Hook()
    if request.param == "memory":
        memory: MemoryStore[Candidate] = MemoryStore(after_commit=hook)

        def asked(kind: EventKind, text: str) -> None:
            memory.asked.append(Event(id=len(memory.asked) + 1, created="", kind=kind, text=text))

        yield Kept(memory, asked, hook)
        return
    path = tmp_path / "run.sqlite"
    with RunFile.create(path, HEADER, CandidateCodec(), after_commit=hook) as file:
        yield Kept(file, lambda kind, text: ask(path, kind, text), hook)


@pytest.fixture
def store(kept: Kept) -> RunStore[Candidate]:
    return kept.store


def test_a_new_one_is_empty(store: RunStore[Candidate]) -> None:
    assert store.trajectory().steps == ()
    assert (store.open_step(), store.stopped(), store.evaluations(), store.events()) == (None, None, [], [])
    assert not store.test_is_open()
    assert store.fixed_winner() is None
    assert replace(store.usage(), seconds=0.0) == Usage()


def test_a_step_is_open_until_its_scores_are_recorded(store: RunStore[Candidate]) -> None:
    step = proposed(0)
    store.record_proposals(step)
    assert store.open_step() == step
    assert store.trajectory().steps == ()
    scored = tuple(Scored(solution=s, score=Score(value=0.5), step=0) for s in step.solutions)
    store.close_step(0, scored)
    assert store.open_step() is None
    assert store.trajectory().steps == (replace(step, scored=scored),)


def test_proposals_of_the_open_step_may_change(store: RunStore[Candidate]) -> None:
    step = proposed(0)
    store.record_proposals(step)
    fewer = replace(step, proposals=step.proposals[:1])
    store.record_proposals(fewer)
    assert store.open_step() == fewer


def test_the_first_outcome_of_a_row_stays(store: RunStore[Candidate]) -> None:
    first = outcome(WHO, "b")
    store.record_block("train", {WHO.key: [first]})
    store.record_block("train", {WHO.key: [replace(first, score=0.5), outcome(WHO, "c")]})
    found = store.outcomes(WHO.key, "train")
    assert (found["b"], list(found)) == (first, ["b", "c"])
    assert store.outcomes(WHO.key, "validation") == store.outcomes("another", "train") == {}


def test_usage_counts_rows_and_tokens_and_no_starting_step(store: RunStore[Candidate]) -> None:
    for number in (0, 1):
        step = proposed(number)
        store.record_proposals(step)
        store.record_block("train", {c.key: [outcome(c, row) for row in "ab"] for c in step.solutions})
        store.close_step(number, [])
    found = store.usage()
    assert (found.steps, found.pairs, found.scorer_tokens) == (1, 8, 88)  # 10 + 1 tokens a row
    assert found.optimizer_tokens == sum(proposed(number).tokens for number in (0, 1))


def test_rows_of_test_are_refused_until_the_winner_is_fixed(store: RunStore[Candidate]) -> None:
    with pytest.raises(SealedTest):
        store.record_block("test", {WHO.key: [outcome(WHO, "g")]})
    assert store.outcomes(WHO.key, "test") == {}
    store.open_test(WHO, [])
    store.record_block("test", {WHO.key: [outcome(WHO, "g")]})
    store.open_test(replace(WHO, calibration=(0.5, -0.5)), [])  # the same candidate, fitted
    with pytest.raises(StoreError, match="another winner"):
        store.open_test(candidate(0, 1), [])


def test_evaluations_come_in_the_order_in_which_they_were_recorded(store: RunStore[Candidate]) -> None:
    roles = ("finalist", "winner", "baseline")
    made = [Evaluation(role=r, split="validation", candidate=WHO, score=Score(value=0.25)) for r in roles]
    for each in made:
        store.record_evaluation(each)
    assert store.evaluations() == made


def test_what_is_dropped_stays_dropped(store: RunStore[Candidate]) -> None:
    store.record_proposals(proposed(0))
    left = Scored(solution=WHO, score=Score(value=0.25, n=16), step=0, dropped=True)
    store.close_step(0, [left])
    assert store.trajectory().scored == (left,)
    assert store.trajectory().best is None


def test_a_step_hears_what_was_asked_once_with_the_block_it_was_at(kept: Kept) -> None:
    kept.ask("add", "Read it twice.")
    kept.store.record_proposals(proposed(0))
    (heard,) = kept.store.hear(0)
    assert (heard.kind, heard.text, heard.step, heard.block) == ("add", "Read it twice.", 0, 0)
    kept.store.record_block("train", {WHO.key: [outcome(WHO, "a")]})
    kept.ask("ban", "Sort.")
    with pytest.raises(EventArrived):
        kept.store.record_block("train", {WHO.key: [outcome(WHO, "b")]})
    assert set(kept.store.outcomes(WHO.key, "train")) == {"a", "b"}, "the block is safe"
    assert [(e.kind, e.step, e.block) for e in kept.store.hear(0)] == [("add", 0, 0), ("ban", 0, 2)]
    assert [e.step for e in kept.store.hear(1)] == [0, 0]


def test_a_request_to_stop_comes_after_the_block_is_safe(kept: Kept) -> None:
    def stop() -> None:
        raise Interrupted

    kept.saved.call = stop
    with pytest.raises(Interrupted):
        kept.store.record_block("train", {WHO.key: [outcome(WHO, "a")]})
    assert list(kept.store.outcomes(WHO.key, "train")) == ["a"]


def test_why_a_search_ended_stays(store: RunStore[Candidate]) -> None:
    store.record_stop("budget of 2 steps used")
    store.record_finish()
    assert store.stopped() == "budget of 2 steps used"


def test_one_script_leaves_the_same_run_in_each(tmp_path: Path) -> None:
    memory: MemoryStore[Candidate] = MemoryStore()
    with RunFile.create(tmp_path / "run.sqlite", HEADER, CandidateCodec()) as file:
        for store in (memory, file):
            drive(store)
            finish(store)
        assert memory.trajectory() == file.trajectory()
        assert memory.evaluations() == file.evaluations()
        assert replace(memory.usage(), seconds=0.0) == replace(file.usage(), seconds=0.0)
