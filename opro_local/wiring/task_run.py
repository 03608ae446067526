"""A task, its settings and loaded models put together: everything that a run or a measurement works with.

Torch is imported when a model is loaded, not before.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opro_local.answers import grader_of
from opro_local.budget import RIVALS, estimate, with_preset
from opro_local.catalogue import stored_names
from opro_local.config import ModelSettings, RunSettings
from opro_local.errors import Interrupted, SettingsError
from opro_local.llm import EngineStats
from opro_local.loop import optimize
from opro_local.problem import Watcher
from opro_local.records import Candidate, Estimate
from opro_local.scoring.scorer import Scorer, scoring_mode
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import RunFile
from opro_local.store.run_folder import RunFolder
from opro_local.tasks.split import Split, set_aside, split_examples
from opro_local.tasks.task import Task
from opro_local.wiring.host import Host
from opro_local.wiring.models import Models

if TYPE_CHECKING:
    from opro_local.problems.instruction import InstructionProblem


SHARE_OF_POOL = 4
"""At least one train row in so many is kept for shots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """Everything that a run works with, the models loaded."""

    settings: RunSettings
    split: Split
    models: Models
    problem: "InstructionProblem"

    def search(self, store: RunFile[Candidate], host: Host) -> None:
        from opro_local.wiring.methods import proposer_for

        host.watcher.started(store.header.run_id, self.cost())
        search = self.settings.search
        with self._metered(store, host.watcher):
            if self._worth_while(store, host):
                problem = self._problem_of(store)
                optimize(
                    problem,
                    proposer_for(search.method, problem, self.models.optimizer, self.settings),
                    proposals_per_step=search.proposals_per_step,
                    budget=self.settings.budget,
                    store=store,
                    watcher=host.watcher,
                )

    def _problem_of(self, store: RunFile[Candidate]) -> "InstructionProblem":
        """The problem as this run searches it: with its ledger, worked-out shots and rivals."""
        from opro_local.wiring.methods import proposer_for

        problem = replace(self.problem, ledger=store).with_worked_shots(store)
        if self.settings.search.baselines != "full":
            return problem
        engine = self.models.optimizer
        rivals = {str(method): proposer_for(method, problem, engine, self.settings) for method in RIVALS}
        return replace(problem, rivals=rivals)

    @contextmanager
    def _metered(self, store: RunFile[Candidate], watcher: Watcher) -> Iterator[None]:
        """Records what the scorer takes inside, also where the user stops it."""
        before = self.models.scorer.effort()

        def effort() -> EngineStats:
            return self.models.scorer.effort().since(before)

        watcher.metered(effort)
        try:
            yield
        except Interrupted:
            store.record_effort(effort())
            raise
        store.record_effort(effort())

    def _worth_while(self, store: RunFile[Candidate], host: Host) -> bool:
        """Whether to search at all; asked once, before the first step."""
        if not self.settings.search.headroom or store.stopped() is not None:
            return True
        if store.open_step() is not None or store.trajectory().steps:
            return True
        found = self.problem.headroom(store)
        host.watcher.headroom_found(found)
        if found.exists or (not self.settings.search.stop_without_headroom and host.go_on(found)):
            return True
        store.record_stop("no headroom")
        store.record_finish()
        return False

    def cost(self) -> Estimate:
        """The most that the run can ask of the models, and what its test rows can tell."""
        from opro_local.evidence.verdict import ALPHA, minimum_detectable_gain

        rows = self.problem.measurement.split
        starts = self.problem.starts()
        sample = rows.train[: self.settings.search.block]
        cost = estimate(
            self.settings,
            rows=(len(rows.train), len(rows.validation), len(rows.test)),
            starts=len(starts),
            worked=len(self.problem.to_be_worked_out()),
            tokens_per_pair=self.problem.scorer.tokens_per_pair([*starts, *self._typical()], sample),
        )
        told = minimum_detectable_gain(cost.test_rows, alpha=ALPHA / len(self.problem.baselines()))
        return replace(cost, memory=self.models.memory, minimum_detectable_gain=told)

    def _typical(self) -> list[Candidate]:
        """A candidate of each number of shots, where these are searched."""
        if self.settings.search.method != "portfolio":
            return []
        shots = self.problem.shot_sets
        draw = random.Random(0)
        return [Candidate(instruction="", shots=shots.some(n, draw, diverse=False)) for n in shots.sizes]


def prepare(task: Task, settings: RunSettings, host: Host, *, models: Models | None = None) -> TaskRun:
    """Load the models, if they are not given, and fill in what the settings leave open.

    Raises SettingsError, ModelError and DataError, what is quick to check first.
    """
    _check_metric(task, settings)
    settings = settings.model_copy(update={"models": anchored(settings.models, host.folders.models)})
    models = models or host.load_models(settings.models, host.folders.models)
    # scikit-learn takes a second to import; that weights are missing is told before.
    from opro_local.problems.instruction import InstructionProblem
    from opro_local.wiring.methods import with_method

    task, settings = _placed(task, models), with_method(settings)
    budget = with_preset(settings.budget, fallback="light" if models.scorer.device == "cpu" else "medium")
    settings = settings.model_copy(update={"budget": budget})
    split = split_task(task, settings)
    mode = scoring_mode(task, settings.scoring)
    problem = InstructionProblem(
        task=task,
        split=split,
        scorer=Scorer(
            models.scorer, task, settings.scoring, ReplyCacheFile(RunFolder(host.folders.runs).reply_cache)
        ),
        search=settings.search,
        style=settings.search.style or ("tagged" if models.optimizer.chat else "completion"),
        calibration=(settings.scoring.calibration or "none") if mode == "likelihood" else "none",
        watcher=host.watcher,
    )
    return TaskRun(settings=settings, split=split, models=models, problem=problem)


def _placed(task: Task, models: Models) -> Task:
    """The task with the instruction where it stands for this scorer."""
    if task.pretrained_position is None or models.scorer.chat:
        return task
    return replace(task, position=task.pretrained_position)


def anchored(settings: ModelSettings, models_folder: Path) -> ModelSettings:
    """Folders and files made absolute, so that a run can be resumed from anywhere; stored names stay."""

    def absolute(name: str) -> str:
        return (
            str(Path(name).resolve())
            if name not in stored_names(models_folder) and Path(name).exists()
            else name
        )

    optimizer = settings.optimizer and absolute(settings.optimizer)
    return settings.model_copy(update={"scorer": absolute(settings.scorer), "optimizer": optimizer})


def _check_metric(task: Task, settings: RunSettings) -> None:
    mode = scoring_mode(task, settings.scoring)
    grader_of(task.kind, settings.scoring.grading)
    if mode == "likelihood" and not task.kind.classes:
        raise SettingsError(f"Likelihood scoring needs a label set; answers of this task are {task.answer}s.")
    if mode == "generation" and task.metric in ("log_loss", "brier"):
        raise SettingsError(f"The metric {task.metric} needs probabilities: use --scoring likelihood.")
    if mode == "generation" and settings.scoring.calibration in ("batch", "contextual"):
        raise SettingsError(
            f"Generated answers have no probabilities, so there is nothing to calibrate: leave out "
            f"--calibration {settings.scoring.calibration} or use --scoring likelihood."
        )


def split_task(task: Task, settings: RunSettings) -> Split:
    """Train, validation and test as a run with these settings sees them. Raises DataError."""
    search, sizes, stratum = settings.search, task.split, task.kind.stratum
    seed = search.seed if sizes.seed is None else sizes.seed
    split = split_examples(task.examples, sizes, seed, stratum=stratum, test=task.test)
    rows = len(split.train)
    chosen = rows // SHARE_OF_POOL if search.method == "portfolio" and search.max_shots else 0
    if search.shots >= rows:
        raise SettingsError(f"Train has {rows} rows; --shots must leave some of them to score.")
    return set_aside(
        split,
        scored=min(rows, settings.budget.train_rows or rows),
        pool=max(search.shots, chosen),
        stratum=stratum,
    )
