"""Candidates, pools and trajectories for tests of proposers."""

from collections.abc import Sequence

from opro_local.records import Candidate, Example, OptimizerCall, Proposal, Score, Scored, Step, Trajectory

LABELS = ("fintech", "health", "seed")


def shot(number: int) -> Example:
    return Example(id=f"p{number}", text=f"Row {number} of the pool", target=LABELS[number % 3])


POOL = tuple(map(shot, range(12)))


def candidate(instruction: str, *shots: int) -> Candidate:
    return Candidate(instruction=instruction, shots=tuple(map(shot, shots)))


def step(number: int, *scores: tuple[Candidate, float], origin: str = "start") -> Step[Candidate]:
    """A closed step; a score below zero stands for a candidate that left its race."""
    return Step(
        number=number,
        proposals=tuple(Proposal(text="", solution=c, origin=origin) for c, _ in scores),
        scored=tuple(
            Scored(solution=c, score=Score(value=abs(value)), step=number, dropped=value < 0)
            for c, value in scores
        ),
    )


def trajectory(*steps: Step[Candidate]) -> Trajectory[Candidate]:
    return Trajectory(direction="maximize", steps=steps)


def of(*scores: tuple[Candidate, float]) -> Trajectory[Candidate]:
    return trajectory(step(0, *scores))


def call(meta_prompt: str = "M", *, prompt_tokens: int = 0, generated_tokens: int = 0) -> OptimizerCall:
    return OptimizerCall(
        meta_prompt=meta_prompt,
        seed=0,
        temperature=1.0,
        prompt_tokens=prompt_tokens,
        generated_tokens=generated_tokens,
    )


def instructions(candidates: Sequence[Candidate]) -> list[str]:
    return [each.instruction for each in candidates]
