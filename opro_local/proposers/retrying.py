"""An optimizer that is asked again until a step has enough solutions, or was asked often enough."""

from dataclasses import dataclass, replace
from typing import Generic

from opro_local.optimizer import Optimizer
from opro_local.records import S, Step, Trajectory, derived_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryingOptimizer(Generic[S]):
    """opro_local.problem.Proposer. The published loop asks for valid tours for ever; this one tries times."""

    optimizer: Optimizer[S]
    tries: int

    def propose(self, trajectory: Trajectory[S], number: int, count: int) -> Step[S]:
        """Up to tries times count proposals, at most count of them accepted."""
        step = self.optimizer.propose(trajectory, number, count)
        for attempt in range(1, self.tries):
            missing = count - len(step.solutions)
            if not missing:
                break
            so_far = replace(trajectory, steps=(*trajectory.steps, step))
            more = self._again(attempt, number).propose(so_far, number, missing)
            step = replace(
                step,
                proposals=(*step.proposals, *more.proposals),
                calls=(*step.calls, *more.calls),
            )
        return step

    def _again(self, attempt: int, number: int) -> Optimizer[S]:
        """The optimizer with draws of their own."""
        settings = self.optimizer.settings
        seed = derived_seed(settings.seed, number, f"try {attempt}")
        return replace(self.optimizer, settings=settings.model_copy(update={"seed": seed}))
