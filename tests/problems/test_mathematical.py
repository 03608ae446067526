"""Proposers that are very good or very bad: a run ends when it should, and counts what it saw."""

import math
from dataclasses import dataclass

import pytest
from memory_store import MemoryStore
from resolved import searching

from opro_local.config import BudgetSettings
from opro_local.errors import OproError
from opro_local.llm import GenerationReply, GenerationRequest
from opro_local.loop import optimize
from opro_local.optimizer import Optimizer
from opro_local.problem import NullWatcher
from opro_local.problems.mathematical import MathematicalProblem
from opro_local.problems.objective import Numbers, Objective
from opro_local.problems.objectives.linear_regression import LinearRegression
from opro_local.problems.objectives.tsp import Tsp
from opro_local.problems.tours import shortest_tour
from opro_local.proposers.retrying import RetryingOptimizer
from opro_local.testing import ScriptedEngine

COUNT = 3


@dataclass
class Parrot(ScriptedEngine):
    """Says the same whenever it is asked."""

    text: str = ""

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        self.sampled.append((self.decode(request.prompt), n, temperature, seed))
        return [GenerationReply(text=self.text, tokens=1, ended="end")] * n


def run(objective: Objective, engine: Parrot, **budget: int) -> MemoryStore[Numbers]:
    search = searching(proposals_per_step=COUNT)
    problem = MathematicalProblem(objective=objective, search=search, watcher=NullWatcher())
    store = MemoryStore[Numbers](direction="minimize")
    optimize(
        problem,
        RetryingOptimizer(optimizer=Optimizer(engine, problem, search, 9), tries=objective.tries()),
        proposals_per_step=COUNT,
        budget=BudgetSettings(**budget),
        store=store,
        watcher=NullWatcher(),
    )
    return store


def reasons(store: MemoryStore[Numbers]) -> list[str | None]:
    return [p.reason for step in store.steps[1:] for p in step.proposals]


def test_the_optimum_ends_the_run_at_once() -> None:
    store = run(LinearRegression(w=1, b=2), Parrot(text="w=1, b=2]"), steps=50)
    assert store.stop == "solved"
    assert len(store.steps) == 2
    assert reasons(store) == [None, "duplicate", "duplicate"]
    assert store.finished


def test_a_shortest_tour_ends_the_run_in_either_direction() -> None:
    tsp = Tsp(nodes=8)
    first, *rest = shortest_tour(tsp._distances)
    store = run(tsp, Parrot(text=",".join(map(str, [first, *reversed(rest)])) + "</trace>"), steps=50)
    assert store.stop == "solved" and len(store.steps) == 2


def test_garbage_is_counted_and_ends_with_the_budget() -> None:
    engine = Parrot(text="I cannot do that")
    store = run(Tsp(), engine, steps=5)
    assert store.stop == "budget of 5 steps used"
    tries = Tsp().tries()
    assert reasons(store) == ["not a list of points"] * 5 * tries * COUNT
    assert len(engine.sampled) == 5 * tries
    assert len({seed for *_, seed in engine.sampled}) == len(engine.sampled), "each try draws anew"
    assert len(store.trajectory().scored) == len(store.steps[0].solutions)


def test_repetition_is_rejected_and_patience_ends_it() -> None:
    store = run(LinearRegression(), Parrot(text="w=99, b=99]"), steps=50, patience=4)
    assert store.stop == "budget of 4 steps without progress used"
    assert reasons(store) == [None] + ["duplicate"] * (4 * COUNT - 1)


def test_a_step_is_filled_up_and_no_further() -> None:
    engine = Parrot(text="0,1,2,3,4,5,6,7,8")
    tsp = Tsp(nodes=9)
    store = run(tsp, engine, steps=1)
    (step,) = store.steps[1:]
    asked = [n for _, n, *_ in engine.sampled]
    accepted = len(step.solutions)
    assert asked == [COUNT] + [COUNT - accepted] * (tsp.tries() - 1)
    assert [call.generated_tokens for call in step.calls] == asked


def test_a_long_trajectory_is_cut_to_the_context() -> None:
    engine = Parrot(text="w=1, b=1]", context_length=700)
    store = run(LinearRegression(), engine, steps=1)
    shown = store.steps[1].calls[0].meta_prompt.count("value: ")
    best = min(store.steps[0].scored, key=lambda entry: entry.score.value)
    assert 1 <= shown < len(store.steps[0].solutions)
    assert f"value: {best.score.value:.0f}" in store.steps[1].calls[0].meta_prompt


class Nowhere(LinearRegression):
    """Has no value anywhere."""

    def value(self, solution: Numbers) -> float:
        return math.inf


def test_a_function_without_a_value_ends_in_an_error() -> None:
    with pytest.raises(OproError, match="no value at any of the 6 points"):
        run(Nowhere(), Parrot(text="w=1, b=2]"), steps=1)
