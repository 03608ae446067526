"""The loop on a problem that is not a task, with a proposer that is not a language model."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from candidates import call
from memory_store import MemoryStore
from square_root import SquareRoot

from opro_local.config import BudgetSettings
from opro_local.errors import Interrupted
from opro_local.loop import optimize
from opro_local.problem import NullWatcher, Watcher
from opro_local.records import Proposal, Step, Trajectory

CALL = call(prompt_tokens=10, generated_tokens=2)


@dataclass
class Halving:
    """Proposes the middle between the two best so far, and something that is no number."""

    asked: list[int] = field(default_factory=list)

    def propose(self, trajectory: Trajectory[int], number: int, count: int) -> Step[int]:
        self.asked.append(number)
        best = [entry.solution for entry in trajectory.ascending()[-2:]]
        proposals: tuple[Proposal[int], ...] = (
            Proposal(text="middle", solution=sum(best) // 2),
            Proposal(text="?", reason="wrong number of numbers"),
        )
        return Step(number=number, proposals=proposals[:count], calls=(CALL,))


@dataclass
class Told(NullWatcher):
    """What a watcher was told."""

    events: list[str] = field(default_factory=list)

    def step_opened(self, step: Step[int]) -> None:
        self.events.append(f"open {step.number}")

    def step_closed(self, trajectory: Trajectory[int]) -> None:
        self.events.append(f"close {trajectory.steps[-1].number}")


def run(
    store: MemoryStore[int],
    *,
    problem: SquareRoot | None = None,
    proposer: Halving | None = None,
    watcher: Watcher | None = None,
    **limits: float,
) -> Trajectory[int]:
    budget = BudgetSettings.model_validate(limits)
    return optimize(
        problem or SquareRoot(),
        proposer or Halving(),
        proposals_per_step=2,
        budget=budget,
        store=store,
        watcher=watcher or NullWatcher(),
    )


def minimizing(after_commit: Callable[[], None] = lambda: None) -> MemoryStore[int]:
    return MemoryStore(direction="minimize", after_commit=after_commit)


def test_starts_are_step_0_and_each_step_builds_on_the_scores_before() -> None:
    store = minimizing()
    trajectory = run(store, steps=3)
    # 1 is off by 49, 20 by 350; then the middles: (1 + 20) // 2 = 10 (50), (1 + 10) // 2 = 5 (25),
    # (5 + 1) // 2 = 3 (41)
    assert [[s.solution for s in step.scored] for step in trajectory.steps] == [[1, 20], [10], [5], [3]]
    assert [s.score.value for s in trajectory.scored] == [49, 350, 50, 25, 41]
    assert [p.origin for p in trajectory.steps[0].proposals] == ["start", "start"]
    assert trajectory.best is not None
    assert trajectory.best.solution == 5


def test_the_end_is_recorded_once_with_its_reason_and_after_the_last_measurement() -> None:
    store, problem = minimizing(), SquareRoot()
    run(store, problem=problem, steps=3)
    assert store.stop == "budget of 3 steps used"
    assert problem.finished == [5]
    assert store.finished


def test_a_budget_of_no_steps_still_scores_the_starts() -> None:
    store, proposer = minimizing(), Halving()
    assert [s.solution for s in run(store, proposer=proposer, steps=0).scored] == [1, 20]
    assert proposer.asked == []


def test_the_budget_is_asked_between_steps() -> None:
    store = minimizing()
    trajectory = run(store, max_tokens=20, steps=99)
    assert len(trajectory.steps) == 3  # 0, 12 and 24 tokens
    assert store.stop == "budget of 20 tokens used"


def test_the_watcher_sees_each_step_open_and_close() -> None:
    told = Told()
    run(minimizing(), watcher=told, steps=1)
    assert told.events == ["open 0", "close 0", "open 1", "close 1"]


class StopAfter:
    """Raises Interrupted after the n-th commit of a process."""

    def __init__(self, commits: int) -> None:
        self.left = commits

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Interrupted("stopped")


@pytest.mark.parametrize("commits", range(1, 8))
def test_a_run_that_is_cut_off_after_any_commit_ends_as_the_unbroken_one(commits: int) -> None:
    whole = minimizing()
    run(whole, steps=2)
    store, problem, proposer = minimizing(StopAfter(commits)), SquareRoot(), Halving()
    with pytest.raises(Interrupted):
        run(store, problem=problem, proposer=proposer, steps=2)
    assert not store.finished
    store.after_commit = lambda: None
    run(store, problem=problem, proposer=proposer, steps=2)
    assert store.steps == whole.steps
    assert store.stop == whole.stop
    assert proposer.asked == [1, 2], "a step that is open is not proposed again"


def test_a_run_that_has_stopped_proposes_nothing_more_under_a_larger_budget() -> None:
    store, problem, proposer = minimizing(), SquareRoot(), Halving()
    run(store, problem=problem, steps=1)
    assert len(run(store, problem=problem, proposer=proposer, steps=5).steps) == 2
    assert proposer.asked == []
    assert problem.finished == [1, 1], "what is measured last may have been cut off"
