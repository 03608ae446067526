"""Wiring: from names and settings to a finished run. The CLI and Python users call the same functions.

Torch is imported when a model is loaded, not before.
"""

import json
import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from opro_local.budget import estimate, with_preset
from opro_local.catalogue import stored_names
from opro_local.config import Folders, ModelSettings, RunSettings, TaskSettings, parse_settings
from opro_local.errors import Interrupted, ModelError, SettingsError
from opro_local.loop import optimize
from opro_local.optimizer import Optimizer
from opro_local.problem import Proposer, Watcher
from opro_local.recording import Forgetful
from opro_local.records import Candidate, Estimate, Score, SplitName, Step, Trajectory
from opro_local.roles import Models, load_models
from opro_local.scoring.graders import grader_for
from opro_local.scoring.scorer import Scorer, scoring_mode
from opro_local.store.header import RunHeader, read_header
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import RunFile
from opro_local.store.uses import note_use
from opro_local.tasks import loading
from opro_local.tasks.split import Split, split_examples
from opro_local.tasks.task import Task, task_from_json, task_to_json
from opro_local.tasks.user_code import check_allowed

if TYPE_CHECKING:
    from opro_local.evidence.headroom import Headroom
    from opro_local.problems.instruction import InstructionProblem

PACKAGES = ("opro-local", "torch", "transformers", "bitsandbytes", "scikit-learn")


class Silent:
    """A watcher that shows nothing."""

    def started(self, run_id: str, cost: Estimate) -> None: ...
    def headroom_found(self, found: "Headroom") -> None: ...
    def step_opened(self, step: Step[Any]) -> None: ...
    def block_scored(self, split: SplitName, pairs: int) -> None: ...
    def step_closed(self, trajectory: Trajectory[Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a run finds around it: folders (the user's), somebody who watches, and a say in what happens.

    after_commit is called when something is saved, and may raise Interrupted. go_on is asked where no
    instruction makes a difference.
    """

    folders: Folders = field(default_factory=Folders.of_user)
    watcher: Watcher = field(default_factory=Silent)
    after_commit: Callable[[], None] = lambda: None
    go_on: "Callable[[Headroom], bool]" = lambda _found: True


def load_task(
    data: str | Path,
    *,
    text: str | Sequence[str],
    label: str,
    allow_python: bool = False,
    **settings: object,
) -> Task:
    """The task in a table: the columns of the text and the right answer, and any other of TaskSettings.

    allow_python lets a grader of the user's own run. Raises SettingsError and DataError.
    """
    values = {"data": str(data), "text": text, "label": label, **settings}
    parsed = parse_settings(TaskSettings, values, source="load_task")
    return loading.load_task(parsed, folder=Path(), name=Path(data).stem, allow_python=allow_python)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that a run works with, the models loaded."""

    settings: RunSettings
    split: Split
    models: Models
    problem: "InstructionProblem"

    def search(self, store: RunFile[Candidate], host: Host) -> None:
        host.watcher.started(store.header.run_id, self.cost())
        proposer = Optimizer(self.models.optimizer, self.problem, self.settings.search)
        try:
            if self._worth_while(store, host):
                optimize(self.problem, proposer, self.settings.budget, store, host.watcher)
        except Interrupted:
            store.record_effort(self.models.scorer.effort())
            raise
        store.record_effort(self.models.scorer.effort())

    def _worth_while(self, store: RunFile[Candidate], host: Host) -> bool:
        """Whether to search at all; asked once, before the first step."""
        if not self.settings.search.headroom or store.trajectory().steps or store.stopped() is not None:
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
        from opro_local.evidence.verdict import ALPHA, smallest_gain

        rows = self.problem.measurement.split
        starts = self.problem.starts()
        sample = rows.train[: self.settings.search.block]
        cost = estimate(
            self.settings,
            rows=(len(rows.train), len(rows.validation), len(rows.test)),
            starts=len(starts),
            tokens_per_pair=self.problem.scorer.tokens_per_pair(starts, sample),
        )
        told = smallest_gain(cost.test_rows, alpha=ALPHA / len(self.problem.baselines()))
        return replace(cost, memory=self.models.memory, smallest_gain=told)


def prepare(task: Task, settings: RunSettings, host: Host, *, models: Models | None = None) -> Prepared:
    """Load the models, if they are not given, and fill in what the settings leave open.

    Raises SettingsError, ModelError and DataError, what is quick to check first.
    """
    _check_metric(task, settings)
    settings = settings.model_copy(update={"models": _anchored(settings.models, host.folders.models)})
    models = models or load_models(settings.models, host.folders.models)
    # scikit-learn takes a second to import; that weights are missing is told before.
    from opro_local.problems.instruction import InstructionProblem

    budget = with_preset(settings.budget, fallback="light" if models.scorer.device == "cpu" else "medium")
    settings = settings.model_copy(update={"budget": budget})
    split = split_task(task, settings)
    if settings.search.shots >= len(split.train):
        raise SettingsError(f"Train has {len(split.train)} rows; --shots must leave some of them to score.")
    mode = scoring_mode(task, settings.scoring)
    problem = InstructionProblem(
        task=task,
        split=split,
        scorer=Scorer(
            models.scorer, task, settings.scoring, ReplyCacheFile(host.folders.runs / "cache.sqlite")
        ),
        search=settings.search,
        style=settings.search.style or ("tagged" if models.optimizer.chat else "completion"),
        calibration=settings.scoring.calibration if mode == "likelihood" else "none",
        watcher=host.watcher,
    )
    if settings.search.baselines == "full":
        problem = replace(problem, rivals=_rivals(problem, models, settings))
    return Prepared(settings=settings, split=split, models=models, problem=problem)


def _rivals(
    problem: "InstructionProblem", models: Models, settings: RunSettings
) -> Mapping[str, Proposer[Candidate]]:
    """What OPRO's own proposer has to beat at equal budget."""
    from opro_local.proposers.library import direct_instructions
    from opro_local.proposers.one_step import OneStep
    from opro_local.proposers.random_search import RandomSearch
    from opro_local.proposers.random_words import words_of

    optimizer = Optimizer(models.optimizer, problem, settings.search)
    texts = [row.text for row in problem.measurement.split.train]
    vocabulary = words_of([*direct_instructions(problem.task), *texts])
    return {
        "one-step": OneStep(optimizer),
        "random": RandomSearch(problem, settings.search, vocabulary),
    }


def _anchored(settings: ModelSettings, models_folder: Path) -> ModelSettings:
    """Folders and files made absolute, so that a run can be resumed from anywhere; stored names stay."""

    def anchored(name: str) -> str:
        return (
            str(Path(name).resolve())
            if name not in stored_names(models_folder) and Path(name).exists()
            else name
        )

    optimizer = settings.optimizer and anchored(settings.optimizer)
    return settings.model_copy(update={"scorer": anchored(settings.scorer), "optimizer": optimizer})


def _check_metric(task: Task, settings: RunSettings) -> None:
    mode = scoring_mode(task, settings.scoring)
    grader_for(task, settings.scoring.grading)
    if mode == "likelihood" and not task.labels:
        raise SettingsError(f"Likelihood scoring needs a label set; answers of this task are {task.answer}s.")
    if mode == "generation" and task.metric in ("log_loss", "brier"):
        raise SettingsError(f"The metric {task.metric} needs probabilities: use --scoring likelihood.")


def split_task(task: Task, settings: RunSettings) -> Split:
    """Train, validation and test as a run with these settings sees them. Raises DataError."""
    most = settings.budget.train_rows
    sizes = task.split
    if most is not None:
        sizes = sizes.model_copy(update={"max_train": min(sizes.max_train, most + settings.search.shots)})
    return split_examples(task.examples, sizes, settings.search.seed, stratify=bool(task.labels))


def optimize_task(task: Task, settings: RunSettings, *, host: Host | None = None) -> Path:
    """Run OPRO on a task; the path of its run file. Raises Interrupted when the user stops it."""
    host = host or Host()
    return _begin(task, prepare(task, settings, host), host)


def cross_fit(task: Task, settings: RunSettings, *, host: Host | None = None) -> list[Path]:
    """The whole search again for each fold of the task's split, so that every row is tested once.

    Returns the paths of the run files; store.findings.pooled_verdicts tells what they prove together.

    Raises Interrupted when the user stops it; what was finished stays, and its answers are cached.
    """
    host = host or Host()
    models: Models | None = None
    paths = []
    for fold in range(task.split.folds):
        part = replace(task, split=task.split.model_copy(update={"fold": fold}))
        prepared = prepare(part, settings, host, models=models)
        models = prepared.models
        paths.append(_begin(part, prepared, host))
    return paths


def _begin(task: Task, prepared: Prepared, host: Host) -> Path:
    header = _header(task, prepared)
    path = host.folders.runs / f"{header.run_id}.sqlite"
    with RunFile.create(path, header, prepared.problem, after_commit=host.after_commit) as store:
        prepared.search(store, host)
    return path


def resume_run(path: Path, *, host: Host | None = None, allow_python: bool = False) -> None:
    """Go on with a run where it was cut off, with a grader of the user's own if allow_python.

    Raises ModelError when the weights are not the same any more, SettingsError when the grader is not.
    """
    host = host or Host()
    header = read_header(path)
    settings = parse_settings(RunSettings, json.loads(header.settings_json), source=str(path))
    task = task_from_json(header.problem_json)
    check_allowed(task.grader, allowed=allow_python)
    prepared = prepare(task, settings, host)
    _check_same_models(header, prepared.models)
    with RunFile.open(path, prepared.problem, write=True, after_commit=host.after_commit) as store:
        prepared.search(store, host)


def _check_same_models(header: RunHeader, models: Models) -> None:
    before = {record.role: (record.digest, record.numerics) for record in header.models}
    for record in models.records:
        digest, numerics = before[record.role]
        if record.digest != digest:
            raise ModelError(
                f"The {record.role} of run {header.run_id} had other weights; they would be mixed."
            )
        if record.numerics != numerics:
            raise ModelError(
                f"The {record.role} of run {header.run_id} was computed as {numerics}, here it is "
                f"{record.numerics}; scores would be mixed."
            )


def score_instructions(
    task: Task,
    instructions: Sequence[str],
    *,
    settings: RunSettings,
    split: SplitName = "validation",
    host: Host | None = None,
) -> list[tuple[Candidate, Score]]:
    """Measure given instructions on a split, calibrated on train; only the reply cache is written.

    Raises Interrupted when the user stops it.
    """
    host = host or Host()
    problem = prepare(task, settings, host).problem
    if split == "test":
        note_use(host.folders.runs, f"measurement {_run_id(datetime.now(UTC))}", problem.split.test)
    ledger = Forgetful(host.after_commit)
    fitted = problem.measurement.fit([problem.candidate(text) for text in instructions], ledger)
    return list(zip(fitted, problem.measurement.scores(fitted, split, ledger), strict=True))


def _run_id(now: datetime) -> str:
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _header(task: Task, prepared: Prepared) -> RunHeader:
    now = datetime.now(UTC)
    split = prepared.problem.measurement.split
    row_ids = {name: [row.id for row in getattr(split, name)] for name in get_args(SplitName)}
    return RunHeader(
        run_id=_run_id(now),
        created=now.isoformat(timespec="seconds"),
        kind="task",
        direction=prepared.problem.direction,
        settings_json=prepared.settings.model_dump_json(),
        problem_json=task_to_json(task),
        summary={
            "name": task.name,
            "answer": task.answer,
            "labels": list(task.labels),
            "metric": task.metric,
            "grading": prepared.settings.scoring.grading,
            "layout": asdict(prepared.problem.scorer.layout),
            "rows": {name: len(ids) for name, ids in row_ids.items()},
            "row_ids": row_ids,
        },
        models=prepared.models.records,
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    )
