"""What people ask of a running search, heard by the loop; a resumed run hears the same."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from memory_store import MemoryStore
from square_root import SquareRoot

from opro_local.config import BudgetSettings
from opro_local.errors import Interrupted
from opro_local.loop import optimize
from opro_local.problem import NullWatcher
from opro_local.recording import Event, EventKind
from opro_local.records import Proposal, Step, Trajectory


@dataclass
class Counting:
    """Proposes 30, 31, 32, ..., and keeps the best that it was shown."""

    shown: list[list[int]] = field(default_factory=list)

    def propose(self, trajectory: Trajectory[int], number: int, count: int) -> Step[int]:
        self.shown.append([entry.solution for entry in trajectory.ascending()])
        new = (29 + number,)
        return Step(number=number, proposals=tuple(Proposal(text=str(n), solution=n) for n in new))


def event(kind: EventKind, text: str, number: int = 1) -> Event:
    return Event(id=number, created="", kind=kind, text=text, step=None)


def run(
    store: MemoryStore[int], proposer: Counting, steps: int = 3, ask: dict[int, Event] | None = None
) -> None:
    """ask: after so many closed steps this is asked."""

    class Asking(NullWatcher):
        def step_closed(self, trajectory: Trajectory[Any]) -> None:
            if ask and len(trajectory.steps) in ask:
                store.asked.append(ask[len(trajectory.steps)])

    optimize(
        SquareRoot(),
        proposer,
        proposals_per_step=1,
        budget=BudgetSettings(steps=steps),
        store=store,
        watcher=Asking(),
    )


def test_a_persons_solution_is_scored_in_the_next_step_and_shown_after_it() -> None:
    store, proposer = MemoryStore[int](direction="minimize"), Counting()
    run(store, proposer, ask={2: event("add", "7")})
    step = store.steps[2]
    assert [(p.solution, p.origin) for p in step.proposals] == [(7, "human"), (31, "opro")]
    assert [entry.solution for entry in step.scored] == [7, 31]
    assert 7 not in proposer.shown[1] and proposer.shown[2][-1] == 7
    assert store.asked[0].step == 2


def test_what_a_person_writes_is_checked_like_any_other() -> None:
    store = MemoryStore[int](direction="minimize")
    store.asked = [event("add", "seven"), event("add", "20", 2), event("add", "8", 3), event("add", "8", 4)]
    run(store, Counting(), steps=1)
    found = [(p.text, p.reason) for p in store.steps[0].proposals if p.origin == "human"]
    assert found[:1] == [("seven", "wrong number of numbers")]
    assert ("8", None) in found and ("8", "duplicate") in found


def test_a_ban_keeps_a_solution_out_before_and_after_it_was_proposed() -> None:
    store, proposer = MemoryStore[int](direction="minimize"), Counting()
    run(store, proposer, steps=4, ask={1: event("ban", "31"), 3: event("ban pattern", "^1$", 2)})
    assert [p.reason for p in store.steps[2].proposals] == ["banned"]
    assert 1 in proposer.shown[1] and 1 not in proposer.shown[2]
    assert [entry.solution for entry in store.steps[0].scored if entry.dropped] == [], "the record stays"


def test_what_is_banned_is_not_chosen_in_the_end() -> None:
    chosen: list[list[int]] = []

    class Choosing(SquareRoot):
        def finish(self, trajectory: Trajectory[int], ledger: Any) -> None:
            chosen.append([entry.solution for entry in trajectory.ascending()])

    store = MemoryStore[int](direction="minimize")
    store.asked = [event("ban", "1")]
    optimize(
        Choosing(),
        Counting(),
        proposals_per_step=1,
        budget=BudgetSettings(steps=1),
        store=store,
        watcher=NullWatcher(),
    )
    assert chosen == [[30, 20]]


def test_stop_ends_the_search_after_its_step() -> None:
    store = MemoryStore[int](direction="minimize")
    run(store, Counting(), steps=9, ask={2: event("stop", "")})
    assert store.stop == "stopped by a person"
    assert len(store.steps) == 2 and store.finished


def test_a_last_word_after_the_last_step_is_scored_and_nothing_else_is_proposed() -> None:
    """With --ask people answer after every step, the last one too."""
    store, proposer = MemoryStore[int](direction="minimize"), Counting()
    run(store, proposer, steps=1, ask={2: event("add", "7")})
    step = store.steps[2]
    assert [(entry.solution, entry.step) for entry in step.scored] == [(7, 2)]
    assert [p.origin for p in step.proposals] == ["human"]
    assert (store.stop, len(store.steps), len(proposer.shown)) == ("budget of 1 steps used", 3, 1)


def test_a_last_word_that_is_rejected_does_not_keep_the_search_going() -> None:
    store = MemoryStore[int](direction="minimize")
    run(store, Counting(), steps=1, ask={2: event("add", "seven")})
    assert [p.reason for p in store.steps[2].proposals] == ["wrong number of numbers"]
    assert store.finished and len(store.steps) == 3


@pytest.mark.parametrize("moment", range(1, 5))
def test_a_run_that_was_cut_off_hears_the_same(moment: int) -> None:
    unbroken = MemoryStore[int](direction="minimize")
    run(unbroken, Counting(), ask={2: event("add", "7")})
    count = 0

    def cut_off() -> None:
        nonlocal count
        count += 1
        if count == moment:
            raise Interrupted("stopped")

    store = MemoryStore[int](direction="minimize", after_commit=cut_off)
    with pytest.raises(Interrupted):
        run(store, Counting(), ask={2: event("add", "7")})
    store.after_commit = lambda: None
    run(store, Counting(), ask={2: event("add", "7")} if len(store.steps) < 2 else None)
    assert [step.proposals for step in store.steps] == [step.proposals for step in unbroken.steps]


def test_a_paused_run_waits_until_it_is_to_continue() -> None:
    store = MemoryStore[int](direction="minimize")
    store.asked = [event("pause", "")]
    waited: list[int] = []

    class Waiting(NullWatcher):
        def paused(self) -> None:
            waited.append(len(store.steps))
            store.after_commit = lambda: store.asked.append(event("continue", "", 2))

        def step_opened(self, step: Step[Any]) -> None:
            store.after_commit = lambda: None

    optimize(
        SquareRoot(),
        Counting(),
        proposals_per_step=1,
        budget=BudgetSettings(steps=1),
        store=store,
        watcher=Waiting(),
    )
    assert waited == [0]
    assert [e.kind for e in store.asked[:2]] == ["pause", "continue"] and store.finished
