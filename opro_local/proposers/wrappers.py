"""Proposers of instructions in a search for instructions and shots; they see and write only the former.

What they write takes the place of the instruction in one of the best candidates, so that it is compared on
equal terms with what it has to beat.
"""

import random
from dataclasses import dataclass, replace

from opro_local.problem import Proposer
from opro_local.proposers.elite import best_of_each_instruction, elite
from opro_local.proposers.filters import InstructionFilter
from opro_local.records import Candidate, Step, Trajectory, derived_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class WithShots:
    """opro_local.problem.Proposer; inner proposes candidates without shots."""

    inner: Proposer[Candidate]
    seed: int

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        step = self.inner.propose(best_of_each_instruction(trajectory), number, count)
        partners = [replace(entry.solution, calibration=()) for entry in elite(trajectory)]
        draw = random.Random(derived_seed(self.seed, number, "partners"))
        joined = tuple(
            replace(
                p,
                solution=p.solution and replace(draw.choice(partners), instruction=p.solution.instruction),
            )
            for p in step.proposals
        )
        return replace(step, proposals=joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """opro_local.problem.Proposer; what inner writes is rejected where it is not worth scoring."""

    inner: Proposer[Candidate]
    guard: InstructionFilter

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        step = self.inner.propose(trajectory, number, count)
        earlier = [p.solution.instruction for p in trajectory.proposals() if p.solution]
        written = [p.solution.instruction for p in step.proposals if p.solution]
        reasons = iter(self.guard.reasons(written, earlier))
        return replace(
            step,
            proposals=tuple(
                p.rejected(reason) if p.solution and (reason := next(reasons)) else p for p in step.proposals
            ),
        )
