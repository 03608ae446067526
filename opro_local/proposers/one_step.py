"""One-step generation: the optimizer LLM without its trajectory (Yang et al. 2023, section 5.3).

Its meta-prompt shows the starting solutions with their scores and examples, as OPRO's does in its first step,
and nothing that came later. What OPRO finds beyond it, it owes to the trajectory.
"""

from dataclasses import dataclass, replace
from typing import Generic

from opro_local.optimizer import Optimizer
from opro_local.records import S, Step, Trajectory


@dataclass(frozen=True, slots=True)
class OneStep(Generic[S]):
    """opro_local.problem.Proposer; each step adds samples to the one generation."""

    optimizer: Optimizer[S]

    def propose(self, trajectory: Trajectory[S], number: int, count: int) -> Step[S]:
        """Sample from the first step's meta-prompt; nothing is proposed twice in all steps."""
        start = replace(trajectory, steps=trajectory.steps[:1])
        return self.optimizer.propose(trajectory, number, count, shown=start)
