"""One-step generation: OPRO's optimizer with the trajectory taken away."""

from resolved import searching
from square_root import SquareRoot

from opro_local.optimizer import Optimizer
from opro_local.proposers.baselines import OneStep
from opro_local.records import Proposal, Score, Scored, Step, Trajectory
from opro_local.testing import ScriptedEngine

SEARCH = searching()


def step(number: int, *solutions: int) -> Step[int]:
    return Step(
        number=number,
        proposals=tuple(Proposal(text=str(s), solution=s) for s in solutions),
        scored=tuple(Scored(solution=s, score=Score(value=abs(s * s - 50)), step=number) for s in solutions),
    )


def trajectory(*steps: Step[int]) -> Trajectory[int]:
    return Trajectory(direction="minimize", steps=steps)


def test_the_meta_prompt_shows_the_starting_solutions_and_nothing_later() -> None:
    engine = ScriptedEngine(samples=[["3", "4"]])
    later = trajectory(step(0, 1, 20), step(1, 7))
    found = OneStep(Optimizer(engine, SquareRoot(), SEARCH, 9)).propose(later, 2, 2)
    assert found.calls[0].meta_prompt == "20: 350\n1: 49"
    assert found.solutions == (3, 4)


def test_what_was_proposed_later_is_not_proposed_again() -> None:
    engine = ScriptedEngine(samples=[["7", "8"]])
    later = trajectory(step(0, 1, 20), step(1, 7))
    found = OneStep(Optimizer(engine, SquareRoot(), SEARCH, 9)).propose(later, 2, 2)
    assert [(p.text, p.reason) for p in found.proposals] == [("7", "duplicate"), ("8", None)]


def test_in_the_first_step_it_is_opros_own_proposer() -> None:
    start = trajectory(step(0, 1, 20))
    found = []
    for one_step in (False, True):
        optimizer = Optimizer(ScriptedEngine(samples=[["7", "8"]]), SquareRoot(), SEARCH, 9)
        proposer = OneStep(optimizer) if one_step else optimizer
        found.append(proposer.propose(start, 1, 2))
    assert found[0] == found[1]


def test_its_steps_are_one_generation_drawn_with_different_seeds() -> None:
    engine = ScriptedEngine(samples=[["3", "4"], ["5", "6"]])
    proposer = OneStep(Optimizer(engine, SquareRoot(), SEARCH, 9))
    so_far = trajectory(step(0, 1, 20))
    for number in (1, 2):
        so_far = trajectory(*so_far.steps, step(number, *proposer.propose(so_far, number, 2).solutions))
    (first, _, _, seed), (second, _, _, other) = engine.sampled
    assert first == second
    assert seed != other
    assert [s.solution for s in so_far.scored] == [1, 20, 3, 4, 5, 6]
