"""The best candidates so far: what others are made from, and what a proposal has to join to have paid."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from opro_local.records import Candidate, Scored, Step, Trajectory

ELITE = 5
"""So many of the best candidates are varied and combined."""


def elite(trajectory: Trajectory[Candidate]) -> list[Scored[Candidate]]:
    """The ELITE best that differ in more than words, best first."""
    return list(islice(of_each_set(reversed(trajectory.ascending())), ELITE))


def of_each_set(ranked: Iterable[Scored[Candidate]]) -> Iterator[Scored[Candidate]]:
    """The first with each shot set, and all that have none.

    Beside the same shots other words hardly change an answer: five such candidates are one choice.
    """
    seen = set()
    for entry in ranked:
        shots = entry.solution.shots
        if not shots or shots not in seen:
            seen.add(shots)
            yield entry


def best_of_each_instruction(trajectory: Trajectory[Candidate]) -> Trajectory[Candidate]:
    """The trajectory as if instructions alone were proposed, each scored as well as it ever was.

    So OPRO's optimizer, which writes instructions, reads it; an instruction never comes twice. What was
    scored stays whole: its key finds its outcomes.
    """
    best: dict[str, Scored[Candidate]] = {}
    for entry in trajectory.ascending():
        best[entry.solution.instruction] = entry
    kept = {entry.key for entry in best.values()}
    return replace(trajectory, steps=tuple(_bare_step(step, kept) for step in trajectory.steps))


def _bare_step(step: Step[Candidate], kept: set[str]) -> Step[Candidate]:
    proposals = tuple(
        replace(p, solution=p.solution and Candidate(instruction=p.solution.instruction))
        for p in step.proposals
    )
    scored = tuple(entry for entry in step.scored if entry.key in kept)
    return replace(step, proposals=proposals, scored=scored)


def bare(candidate: Candidate) -> Candidate:
    """Without shots: the instruction in its form."""
    return replace(candidate, shots=(), calibration=())
