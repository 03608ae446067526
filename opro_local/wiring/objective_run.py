"""An objective, its settings and a loaded optimizer put together, as task_run.py does it for a task."""

from dataclasses import dataclass, field

from opro_local.config import ResolvedSettings, RunSettings
from opro_local.loop import optimize
from opro_local.optimizer import Optimizer
from opro_local.problem import Estimate
from opro_local.problems.mathematical import MathematicalProblem
from opro_local.problems.objective import Numbers, Objective
from opro_local.proposers.retrying import RetryingOptimizer
from opro_local.records import Direction
from opro_local.stopwatch import Stopwatch
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import RunFile
from opro_local.store.run_folder import RunFolder
from opro_local.wiring.host import Host
from opro_local.wiring.metered import metered
from opro_local.wiring.models import Models, anchored, for_pairs
from opro_local.wiring.timed import TimedCache, TimedEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveRun:
    """Everything that a run works with, the model loaded."""

    settings: ResolvedSettings
    models: Models
    problem: MathematicalProblem
    watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def codec(self) -> MathematicalProblem:
        return self.problem

    @property
    def direction(self) -> Direction:
        return self.problem.direction

    def search(self, store: RunFile[Numbers], host: Host) -> None:
        search, steps = self.settings.search, self.settings.budget.steps
        replies = ReplyCacheFile(RunFolder(host.folders.runs).reply_cache, store.header.run_id)
        cache = TimedCache(replies, self.watch)
        engine = TimedEngine(self.models.optimizer, "optimizer", self.watch)
        host.watcher.started(store.header.run_id, self.cost())
        with metered(self.models, store, host.watcher):
            optimize(
                self.problem,
                RetryingOptimizer(
                    optimizer=Optimizer(engine, self.problem, search, steps, cache),
                    tries=self.problem.objective.tries(),
                ),
                proposals_per_step=search.proposals_per_step,
                budget=self.settings.budget,
                store=store,
                watcher=host.watcher,
            )

    def cost(self) -> Estimate:
        """The most that the run can ask of the optimizer; no scorer takes part."""
        search = self.settings.search
        proposals = self.settings.budget.steps * search.proposals_per_step
        return Estimate(
            pairs=0,
            scorer_tokens=0,
            optimizer_tokens=proposals * self.problem.objective.tries() * search.proposal_tokens,
            test_rows=0,
            memory=self.models.memory,
        )


def prepare_objective(
    objective: Objective, settings: RunSettings, host: Host, *, models: Models | None = None
) -> ObjectiveRun:
    """Load the optimizer, if models are not given. Raises ModelError."""
    alone = settings.models.model_copy(update={"scorer": settings.models.optimizer_name, "optimizer": None})
    alone = anchored(alone, host.folders.models)
    models = models or host.load_models(for_pairs(alone, 0), host.folders.models)
    from opro_local.wiring.resolution import resolved_for_objective

    chosen = resolved_for_objective(settings.model_copy(update={"models": alone}), models.optimizer)
    problem = MathematicalProblem(objective=objective, search=chosen.search, watcher=host.watcher)
    return ObjectiveRun(settings=chosen, models=models, problem=problem)
