"""Wiring: from names and settings to a finished run. The CLI and Python users call the same functions."""

import json
import platform
import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from opro_local.config import RunSettings, TaskSettings, parse_settings
from opro_local.errors import ModelError, StoreError
from opro_local.prepared import Host, Prepared, prepare
from opro_local.recording import Forgetful
from opro_local.records import Candidate, Score, SplitName
from opro_local.roles import Models
from opro_local.store.header import RunHeader, read_header
from opro_local.store.run_file import RunFile
from opro_local.store.uses import note_use
from opro_local.tasks import loading
from opro_local.tasks.task import Task, task_from_json, task_to_json
from opro_local.tasks.user_code import check_allowed

if TYPE_CHECKING:
    from opro_local.problems.given import Measured, Part

PACKAGES = ("opro-local", "torch", "transformers", "bitsandbytes", "scikit-learn")


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
    task: Task, settings: RunSettings, *, host: Host | None = None, models: Models | None = None
) -> Path:
    """Search the best prompt for a task, with models that are loaded already if they are given.

    Returns the path of the run file. Raises Interrupted when the user stops it.
    """
    host = host or Host()
    return _begin(task, prepare(task, settings, host, models=models), host)


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
    _check_same_rows(header, prepared)
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


def _check_same_rows(header: RunHeader, prepared: Prepared) -> None:
    """The first runs did not name their rows."""
    before = header.summary.get("row_ids")
    if before is not None and before != _row_ids(prepared):
        raise StoreError(f"Run {header.run_id} divided the rows in another way. Start a new run.")


def _row_ids(prepared: Prepared) -> dict[str, list[str]]:
    return {name: [row.id for row in getattr(prepared.split, name)] for name in get_args(SplitName)}


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
    found = measure_candidates(task, instructions, settings=settings, on=split, host=host)
    return [(entry.candidate, entry.scores[split]) for entry in found]


def measure_candidates(
    task: Task,
    instructions: Sequence[str],
    *,
    settings: RunSettings,
    on: "Part" = "all",
    carried: Sequence[tuple[str, Candidate]] = (),
    host: Host | None = None,
) -> "list[Measured]":
    """Measure candidates that were not searched for here, on a part of the rows or on all of them.

    carried are candidates of elsewhere with their source (Found.carried); they are taken as they are and come
    first. Instructions are calibrated on train, as in a run. Only the reply cache is written. Raises
    Interrupted when the user stops it.
    """
    host = host or Host()
    problem = prepare(task, settings, host).problem
    from opro_local.problems.given import measured

    if on in ("test", "all"):
        note_use(host.folders.runs, f"measurement {_run_id(datetime.now(UTC))}", problem.split.test)
    ledger = Forgetful(host.after_commit)
    fitted = problem.measurement.fit([problem.candidate(text) for text in instructions], ledger)
    return measured(problem, [*carried, *(("given", candidate) for candidate in fitted)], on, ledger)


def _run_id(now: datetime) -> str:
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _header(task: Task, prepared: Prepared) -> RunHeader:
    now = datetime.now(UTC)
    row_ids = _row_ids(prepared)
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
            "rows": {name: len(ids) for name, ids in row_ids.items()} | {"pool": len(prepared.split.pool)},
            "row_ids": row_ids,
        },
        models=prepared.models.records,
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    )
