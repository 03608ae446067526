"""What a run file says of itself before the first step: which rows or data, models, settings and versions.

A run goes on only with the same rows and models.
"""

import platform
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from opro_local.errors import ModelError, StoreError
from opro_local.problems.objectives import objective_name
from opro_local.records import SplitName
from opro_local.store.header import TASK, RunHeader
from opro_local.tasks.task import Task, task_to_json
from opro_local.wiring.models import Models
from opro_local.wiring.objective_run import ObjectiveRun
from opro_local.wiring.task_run import TaskRun

PACKAGES = ("opro-local", "torch", "transformers", "bitsandbytes", "scikit-learn")


def new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def row_ids(prepared: TaskRun) -> dict[str, list[str]]:
    """By part; only runs that have rows that must stay right name that part."""
    split = prepared.measurement.split
    ids = {name: [row.id for row in getattr(split, name)] for name in get_args(SplitName)}
    return {name: rows for name, rows in ids.items() if rows or name != "must_stay"}


def task_header(task: Task, prepared: TaskRun, run_id: str) -> RunHeader:
    ids = row_ids(prepared)
    return _header(
        run_id=run_id,
        kind=TASK,
        ready=prepared,
        problem_json=task_to_json(task),
        summary={
            "name": task.name,
            "answer": task.answer,
            "labels": list(task.labels),
            "metric": task.metric,
            "grading": prepared.settings.scoring.grading,
            "layout": asdict(prepared.measurement.scorer.layout),
            "rows": {name: len(rows) for name, rows in ids.items()}
            | {"pool": len(prepared.measurement.split.pool)},
            "row_ids": ids,
            **({"judge": asdict(prepared.judge)} if prepared.judge else {}),
            **({"left_out": len(prepared.left_out)} if prepared.left_out else {}),
        },
    )


def objective_header(solving: ObjectiveRun) -> RunHeader:
    objective = solving.problem.objective
    name = objective_name(objective)
    return _header(
        run_id=new_run_id(),
        kind=name,
        ready=solving,
        problem_json=objective.model_dump_json(),
        summary={"name": name, "metric": objective.measure},
    )


def check_same_models(path: Path, header: RunHeader, models: Models) -> None:
    """Raises ModelError where a run would go on with another model, StoreError where it names none."""
    before = {record.role: (record.digest, record.numerics) for record in header.models}
    for record in models.records:
        if record.role not in before:
            raise StoreError(
                f"{path}: does not say which model its {record.role} was; scores might be mixed. "
                "Restore it from a copy, or start a new run."
            )
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


def check_same_rows(header: RunHeader, prepared: TaskRun) -> None:
    """The first runs did not name their rows. Raises StoreError."""
    before = header.summary.get("row_ids")
    if before is not None and before != row_ids(prepared):
        raise StoreError(f"Run {header.run_id} divided the rows in another way. Start a new run.")


def _header(
    *,
    run_id: str,
    kind: str,
    ready: TaskRun | ObjectiveRun,
    problem_json: str,
    summary: Mapping[str, object],
) -> RunHeader:
    return RunHeader(
        run_id=run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=kind,
        direction=ready.direction,
        settings_json=ready.settings.stored.model_dump_json(),
        problem_json=problem_json,
        summary=summary,
        models=ready.models.records,
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    )
