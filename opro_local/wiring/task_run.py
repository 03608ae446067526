"""A task, its settings and loaded models put together: everything that a run or a measurement works with.

Torch is imported when a model is loaded, not before.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from opro_local.answers import grader_of
from opro_local.budget import RIVALS, estimate, planned_pairs
from opro_local.config import Method, ResolvedSettings, RunSettings, ScoringMode
from opro_local.errors import DataError, SettingsError
from opro_local.loop import optimize
from opro_local.problem import Estimate, Proposer
from opro_local.records import Candidate, Direction, Example
from opro_local.scoring.scorer import Scorer, scoring_mode
from opro_local.stopwatch import Stopwatch
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import RunFile
from opro_local.store.run_folder import RunFolder
from opro_local.store.steps import CandidateCodec
from opro_local.store.test_ledger import check_ledger
from opro_local.tasks.inspection import rare_labels
from opro_local.tasks.split import Split, split_task
from opro_local.tasks.task import Task
from opro_local.wiring.host import Host
from opro_local.wiring.judging import check_rows, measured_judge, with_judge
from opro_local.wiring.metered import metered
from opro_local.wiring.models import Models, anchored, for_pairs
from opro_local.wiring.timed import TimedCache, TimedEngine

if TYPE_CHECKING:
    from opro_local.evidence.judge_record import JudgeRecord
    from opro_local.problems.instruction import InstructionProblem
    from opro_local.problems.measurement import Measurement
    from opro_local.problems.search_space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """Everything that a run or a measurement works with but its ledger, the models loaded.

    left_out are the ids of rows that are longer than the scorer's context; watch is held to the models and
    the cache of replies; judge is what the run's file keeps of one.
    """

    settings: ResolvedSettings
    models: Models
    space: "SearchSpace"
    measurement: "Measurement"
    watch: Stopwatch
    left_out: Sequence[str] = ()
    judge: "JudgeRecord | None" = None

    @property
    def codec(self) -> CandidateCodec:
        return CandidateCodec()

    @property
    def direction(self) -> Direction:
        return self.measurement.marking.direction

    def search(self, store: RunFile[Candidate], host: Host) -> None:
        host.watcher.started(store.header.run_id, self.cost())
        search = self.settings.search
        with metered(self.models, store, host.watcher):
            if self._worth_while(store, host):
                problem = self._problem(store)
                optimize(
                    problem,
                    self._proposer(search.method, problem),
                    proposals_per_step=search.proposals_per_step,
                    budget=self.settings.budget,
                    store=store,
                    watcher=host.watcher,
                )

    def _problem(self, store: RunFile[Candidate]) -> "InstructionProblem":
        """The problem as this run searches it; shots of open answers are worked out by the scorer."""
        from opro_local.problems.instruction import InstructionProblem
        from opro_local.problems.worked_shots import worked_shots

        split = self.space.split
        pool = worked_shots(self.measurement, self.space.to_be_worked_out(), store)
        rivals: Sequence[Method] = RIVALS if self.settings.search.baselines == "full" else ()
        return InstructionProblem(
            space=replace(self.space, split=replace(split, pool=pool or split.pool)),
            measurement=self.measurement,
            style=self.settings.search.style,
            ledger=store,
            rivals={method: partial(self._proposer, method) for method in rivals},
        )

    def _proposer(self, method: Method, problem: "InstructionProblem") -> Proposer[Candidate]:
        from opro_local.wiring.methods import proposer_for

        engine = TimedEngine(self.models.optimizer, "optimizer", self.watch)
        return proposer_for(method, problem, engine, self.settings.budget.steps)

    def _worth_while(self, store: RunFile[Candidate], host: Host) -> bool:
        """Whether to search at all; asked once, before the first step."""
        if not self.settings.search.headroom or store.stopped() is not None:
            return True
        if store.open_step() is not None or store.trajectory().steps:
            return True
        from opro_local.problems.headroom import measured_headroom

        rows = self.settings.search.headroom
        found = measured_headroom(self.measurement, self.space.very_different(), rows, store)
        host.watcher.headroom_found(found)
        if found.exists or (not self.settings.search.stop_without_headroom and host.go_on(found)):
            return True
        store.record_stop("no headroom")
        store.record_finish()
        return False

    def cost(self) -> Estimate:
        """The most that the run can ask of the models, and what its test rows can tell."""
        from opro_local.evidence.verdict import ALPHA, minimum_detectable_gain
        from opro_local.scoring.metrics import METRICS

        rows, space = self.measurement.split, self.space
        sample = rows.train[: self.settings.search.block]
        cost = estimate(
            self.settings.search,
            self.settings.budget.steps,
            rows=(len(rows.train), len(rows.validation), len(rows.test)),
            starts=len(space.starts()),
            worked=len(space.to_be_worked_out()),
            must_stay=len(rows.must_stay),
            tokens_per_pair=space.scorer.tokens_per_pair(space.typical(), sample),
        )
        task = self.measurement.task
        told = minimum_detectable_gain(cost.test_rows, alpha=ALPHA / len(space.baselines()))
        return replace(
            cost,
            memory=self.models.memory,
            minimum_detectable_gain=told if METRICS[task.metric].whole else None,
            metric=task.metric,
            rare=tuple(rare_labels(task, space.split)),
        )


def prepare(
    task: Task,
    settings: RunSettings,
    host: Host,
    *,
    models: Models | None = None,
    run_id: str | None = None,
    measured: Sequence[Candidate] = (),
) -> TaskRun:
    """Load the models, if they are not given, and fill in what the settings leave open.

    Replies are cached for the run of this id, if it is for a run. Rows that are too long for the model are
    left out: with one of measured, or else with a baseline. Raises SettingsError, ModelError and DataError,
    what is quick to check first.
    """
    mode = scoring_mode(task, settings.scoring)
    _check_metric(task, settings, mode)
    check_ledger(RunFolder(host.folders.runs).test_ledger)
    check_rows(task, settings.scoring)
    named = anchored(with_judge(settings.models, task), host.folders.models)
    settings = settings.model_copy(update={"models": named})
    if models is None:
        loading = for_pairs(settings.models, planned_pairs(settings) if run_id else 0)
        models = host.load_models(loading, host.folders.models)
    # It takes scikit-learn, a second to import; that weights are missing is told before.
    from opro_local.wiring.resolution import resolved

    task = _placed(task, models)
    return _put_together(task, resolved(task, settings, mode, models), models, host, run_id, measured)


def _put_together(
    task: Task,
    chosen: ResolvedSettings,
    models: Models,
    host: Host,
    run_id: str | None,
    measured: Sequence[Candidate],
) -> TaskRun:
    from opro_local.problems.heats import HEAT_TOKENS
    from opro_local.problems.measurement import Measurement
    from opro_local.problems.search_space import SearchSpace, bare_baselines

    search, watch = chosen.search, Stopwatch()
    cache = TimedCache(ReplyCacheFile(RunFolder(host.folders.runs).reply_cache, run_id), watch)
    judge = measured_judge(task, chosen.stored, models, cache, watch=watch, watcher=host.watcher)
    engine = TimedEngine(models.scorer, "scorer", watch)
    scorer = Scorer(engine, task, chosen.scoring, cache, judge.judge if judge else None)
    left_out = _too_long(task, scorer, measured or bare_baselines(search))
    if left_out:
        host.watcher.rows_left_out(left_out, models.scorer.context_length)
    split = _divided(_without(task, left_out), chosen)
    measurement = Measurement(
        task=task,
        split=split,
        scorer=scorer,
        calibration=chosen.scoring.calibration,
        block=search.block,
        watcher=host.watcher,
        heat_tokens=min(HEAT_TOKENS, models.stored_tokens or HEAT_TOKENS),
    )
    space = SearchSpace(task=task, split=split, scorer=scorer, search=search)
    if search.shots and not all(map(space.has_room, space.baselines())):
        raise SettingsError(
            f"With {search.shots} shots the longest row leaves no room for an answer. Take fewer --shots."
        )
    return TaskRun(
        settings=chosen,
        models=models,
        space=space,
        measurement=measurement,
        watch=watch,
        left_out=left_out,
        judge=judge.record if judge else None,
    )


def _divided(task: Task, chosen: ResolvedSettings) -> Split:
    search = chosen.search
    return split_task(
        task,
        seed=search.seed,
        shots=search.shots,
        search_shots=search.max_shots != 0,
        train_rows=chosen.budget.train_rows,
    )


def _too_long(task: Task, scorer: Scorer, measured: Sequence[Candidate]) -> list[str]:
    """Ids of the rows that the longest of the prompts leaves no room for.

    Raises DataError if these are all.
    """
    long = [row.id for row in scorer.too_long(measured, task.rows)]
    if len(long) == len(task.rows):
        raise DataError(
            f"All {len(long)} rows are longer than the scorer's context of {scorer.engine.context_length:,} "
            "tokens, their prompt and answer included. Take another model, or shorter instructions."
        )
    return long


def _without(task: Task, ids: Collection[str]) -> Task:
    def others(rows: Sequence[Example]) -> tuple[Example, ...]:
        return tuple(row for row in rows if row.id not in ids)

    examples, test, must_stay = map(others, (task.examples, task.test, task.must_stay))
    return replace(task, examples=examples, test=test, must_stay=must_stay) if ids else task


def _placed(task: Task, models: Models) -> Task:
    """The task with the instruction where it stands for this scorer."""
    if task.pretrained_position is None or models.scorer.chat:
        return task
    return replace(task, position=task.pretrained_position)


def _check_metric(task: Task, settings: RunSettings, mode: ScoringMode) -> None:
    grader_of(task.kind, settings.scoring.grading)
    if task.kind.constraint and settings.scoring.grammar == "on" and find_spec("llguidance") is None:
        raise SettingsError(
            f"replies of answer {task.answer} are written by a grammar, which needs llguidance: "
            "pip install 'opro-local[fields]', or pass --grammar off."
        )
    if mode == "likelihood" and not task.kind.alternatives:
        raise SettingsError(f"Likelihood scoring needs a label set; answers of this task are {task.answer}s.")
    if mode == "generation" and task.metric in ("log_loss", "brier"):
        raise SettingsError(f"The metric {task.metric} needs probabilities: use --scoring likelihood.")
    if mode == "generation" and settings.scoring.calibration in ("batch", "contextual"):
        raise SettingsError(
            f"Generated answers have no probabilities, so there is nothing to calibrate: leave out "
            f"--calibration {settings.scoring.calibration} or use --scoring likelihood."
        )
