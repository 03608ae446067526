"""Wiring: from names and settings to a finished run. The CLI and Python users call the same functions."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from opro_local.budget import planned_pairs
from opro_local.config import RunSettings, TaskSettings
from opro_local.config.checking import parse_settings
from opro_local.errors import Interrupted, WorkersGone
from opro_local.interventions import is_paused
from opro_local.problems.objective import Objective
from opro_local.problems.objectives import objective_class
from opro_local.recording import NullLedger
from opro_local.records import Candidate, Outcome, S, Score
from opro_local.results.reading import read_overview
from opro_local.results.tasks import settings_of
from opro_local.stopwatch import Stopwatch
from opro_local.store.database import sound
from opro_local.store.events import ask
from opro_local.store.header import RunHeader, read_header
from opro_local.store.run_file import RunFile
from opro_local.store.run_folder import RunFolder
from opro_local.store.steps import Codec
from opro_local.store.test_ledger import note_use
from opro_local.studies.index import StudyIndex, plan_digest
from opro_local.studies.plan import Cell, all_settings
from opro_local.tasks import loading
from opro_local.tasks.task import Task, task_from_json, task_to_json
from opro_local.user_code import check_allowed
from opro_local.wiring.at_once import all_searched
from opro_local.wiring.host import Host
from opro_local.wiring.judging import with_judge
from opro_local.wiring.models import Models, anchored, for_pairs
from opro_local.wiring.objective_run import prepare_objective
from opro_local.wiring.run_header import (
    check_same_models,
    check_same_rows,
    new_run_id,
    objective_header,
    task_header,
)
from opro_local.wiring.task_run import prepare

if TYPE_CHECKING:
    from opro_local.problems.evaluation import CandidateScores, Part
    from opro_local.results.winner import Winner


def load_task(
    data: str | Path,
    *,
    text: str | Sequence[str] = (),
    label: str | None = None,
    allow_python: bool = False,
    **settings: object,
) -> Task:
    """The task in a table, with the columns of the text and the right answer, and any other of TaskSettings.

    With benchmark="gsm8k" data is the folder of its original files, and there are no columns to name.
    allow_python lets a grader of the user's own run. Raises SettingsError and DataError.
    """
    columns = {"text": text, "label": label}
    values = {"data": str(data), **{key: value for key, value in columns.items() if value}, **settings}
    parsed = parse_settings(TaskSettings, values, source="load_task")
    return loading.load_task(parsed, folder=Path(), name=Path(data).stem, allow_python=allow_python)


def optimize_task(
    task: Task,
    settings: RunSettings,
    *,
    host: Host | None = None,
    models: Models | None = None,
    run_id: str | None = None,
) -> Path:
    """Search the best prompt for a task, with models that are loaded already if they are given.

    Returns the path of the run file. Raises Interrupted when the user stops it.
    """
    host = host or Host()
    run_id = run_id or new_run_id()
    prepared = prepare(task, settings, host, models=models, run_id=run_id)
    return _begin(task_header(task, prepared, run_id), prepared, host)


def run_study(
    task: Task,
    plan: Sequence[Cell],
    base: RunSettings,
    folder: Path,
    *,
    host: Host | None = None,
) -> list[Path]:
    """Run all cells of a study on one task with models loaded once; what is there already is not repeated.

    base holds the settings that cells share. All runs divide the rows alike. folder keeps which run is whose.
    Returns the run files. Raises Interrupted.
    """
    host = (host or Host()).for_all()
    settings = all_settings(plan, base)
    seed = base.search.seed if task.split.seed is None else task.split.seed
    task = replace(task, split=task.split.model_copy(update={"seed": seed}))
    chosen = for_pairs(
        anchored(with_judge(base.models, task), host.folders.models), sum(map(planned_pairs, settings))
    )
    index = StudyIndex(folder, plan_digest(plan, settings, task_to_json(task)))

    def search(cell: Cell, each: RunSettings, own: Host) -> Path:
        path = RunFolder(own.folders.runs).file(index.run_of(cell, new_run_id))
        if path.is_file() and read_overview(path).status == "finished":
            return path
        models = own.load_models(chosen, own.folders.models)
        if path.is_file():
            resume_run(path, host=own, models=models, allow_python=True)
            return path
        return optimize_task(task, each, host=own, models=models, run_id=path.stem)

    searches = [partial(search, cell, each) for cell, each in zip(plan, settings, strict=True)]
    return all_searched(searches, host)


def cross_fit(task: Task, settings: RunSettings, *, host: Host | None = None) -> list[Path]:
    """The whole search again for each fold of the task's split, so that every row is tested once.

    Returns the paths of the run files; store.findings.pooled_verdicts tells what they prove together.

    Raises Interrupted when the user stops it; what was finished stays, and its answers are cached.
    """

    def search(fold: int, own: Host) -> Path:
        part = replace(task, split=task.split.model_copy(update={"fold": fold}))
        return optimize_task(part, settings, host=own)

    return all_searched(
        [partial(search, fold) for fold in range(task.split.folds)], (host or Host()).for_all()
    )


def solve(
    objective: Objective,
    settings: RunSettings,
    *,
    repeats: int = 1,
    host: Host | None = None,
    allow_python: bool = False,
) -> list[Path]:
    """Let a language model minimise an objective, each time with data and a seed of their own, one more.

    allow_python lets a function of the user's run. Returns the paths of the run files. Raises Interrupted.
    """
    check_allowed(objective.code(), allowed=allow_python)

    def search(repeat: int, own: Host) -> Path:
        seeded = settings.search.model_copy(update={"seed": settings.search.seed + repeat})
        solving = prepare_objective(
            objective.with_data(objective.data_seed + repeat),
            settings.model_copy(update={"search": seeded}),
            own,
        )
        return _begin(objective_header(solving), solving, own)

    return all_searched([partial(search, repeat) for repeat in range(repeats)], (host or Host()).for_all())


class _Ready(Protocol[S]):
    """TaskRun or ObjectiveRun: everything that a run needs but its file, the models loaded."""

    @property
    def codec(self) -> Codec[S]: ...
    @property
    def models(self) -> Models: ...
    @property
    def watch(self) -> Stopwatch: ...
    def search(self, store: RunFile[S], host: Host) -> None: ...


def _begin(header: RunHeader, ready: _Ready[S], host: Host) -> Path:
    path = RunFolder(host.folders.runs).file(header.run_id)
    with RunFile.create(
        path, header, ready.codec, watch=ready.watch, after_commit=host.after_commit
    ) as store:
        _search(store, ready, host)
    return path


def _search(store: RunFile[S], ready: _Ready[S], host: Host) -> None:
    try:
        ready.search(store, host)
    except (Interrupted, WorkersGone) as stop:
        run_id = store.header.run_id
        told = f"{stop} What it has scored is saved; go on: opro-local resume {run_id}"
        raise type(stop)(told) from None


def resume_run(
    path: Path, *, host: Host | None = None, models: Models | None = None, allow_python: bool = False
) -> None:
    """Go on with a run where it was cut off, with code of the user's own if allow_python.

    Raises ModelError when the weights are not the same any more, SettingsError when the code is not.
    """
    host = host or Host()
    header = read_header(path)
    with sound(path):
        settings, problem = settings_of(header), _problem_of(header)
    if isinstance(problem, Task):
        check_allowed(problem.grader, allowed=allow_python)
        prepared = prepare(problem, settings, host, models=models, run_id=header.run_id)
        check_same_rows(header, prepared)
        _go_on(path, header, prepared, host)
    else:
        check_allowed(problem.code(), allowed=allow_python)
        _go_on(path, header, prepare_objective(problem, settings, host, models=models), host)


def _problem_of(header: RunHeader) -> Task | Objective:
    if header.is_task:
        return task_from_json(header.problem_json)
    return objective_class(header.kind).model_validate_json(header.problem_json)


def _go_on(path: Path, header: RunHeader, ready: _Ready[S], host: Host) -> None:
    check_same_models(path, header, ready.models)
    with RunFile.open(
        path, ready.codec, write=True, watch=ready.watch, after_commit=host.after_commit
    ) as store:
        if is_paused(event.kind for event in store.events()):
            ask(path, "continue", "")
        _search(store, ready, host)


def score_instructions(
    task: Task,
    instructions: Sequence[str],
    *,
    settings: RunSettings,
    split: Literal["train", "validation", "test"] = "validation",
    host: Host | None = None,
) -> list[tuple[Candidate, Score]]:
    """Measure given instructions on a split, as measure_candidates does."""
    found = measure_candidates(task, instructions, settings=settings, on=split, host=host)
    return [(entry.candidate, entry.scores[split]) for entry in found]


def measure_candidates(
    task: Task,
    instructions: Sequence[str],
    *,
    settings: RunSettings,
    on: "Part" = "all",
    found: "Winner | None" = None,
    host: Host | None = None,
) -> "list[CandidateScores]":
    """Measure candidates that were not searched for here, on a part of the rows or on all of them.

    Instructions are calibrated as in a run: on train, and where test is measured on validation too. What a
    run has found comes first, calibrated as for test; on train or validation of its own rows, as there. Only
    the reply cache is written. Raises Interrupted when the user stops it.
    """
    host = host or Host()
    carried = found.carried(task) if found else []
    given = [Candidate(instruction=text) for text in instructions]
    run = prepare(task, settings, host, measured=[*(candidate for _, candidate in carried), *given])
    from opro_local.problems.evaluation import evaluate

    if on in ("test", "all"):
        user = f"measurement {new_run_id()}"
        note_use(RunFolder(host.folders.runs).test_ledger, user, run.measurement.split.test)
    ledger = NullLedger(host.after_commit)
    fit = run.measurement.refit if on in ("test", "all") else run.measurement.fit
    if found and found.task.examples == task.examples and on in ("train", "validation"):
        again = run.measurement.fit([candidate for _, candidate in carried], ledger)
        carried = [(source, candidate) for (source, _), candidate in zip(carried, again, strict=True)]
    fitted = fit([run.space.candidate(text) for text in instructions], ledger)
    return evaluate(run.measurement, [*carried, *(("given", candidate) for candidate in fitted)], on, ledger)


def written_answers(path: Path, *, host: Host | None = None, allow_python: bool = False) -> list[Outcome]:
    """What the scorer of a run writes to its test rows behind the winner's prompt, whatever the run's mode.

    Only the reply cache is written, and no look at the test rows is counted: the winner is fixed. Raises
    ModelError where the weights are not there any more.
    """
    from opro_local.exports.check import of_replies
    from opro_local.results.winner import load_winner
    from opro_local.scoring.worded import in_labels, in_words

    host, found = host or Host(), load_winner(path)
    check_allowed(found.task.grader, allowed=allow_python)
    scoring = found.settings.scoring.model_copy(update={"mode": "generation", "calibration": "none"})
    task = replace(found.own_task, metric=of_replies(found.task.metric))
    winner = found.candidates[0][1]
    spoken, candidate = in_words(task, winner)
    run = prepare(spoken, found.settings.model_copy(update={"scoring": scoring}), host)
    (outcomes,) = run.measurement.outcomes([candidate], "test", NullLedger(host.after_commit))
    return in_labels(outcomes, task, winner)
