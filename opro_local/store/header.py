"""What a run file knows before the first step; it never changes."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import apsw

from opro_local.records import Direction
from opro_local.store.database import open_run, sound
from opro_local.store.rows import read

TASK = "task"
"""The kind of a run that optimises a prompt; of a mathematical one it is the objective's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """Which weights play a role ("scorer", "optimizer") and how they are computed.

    checked_before is when their files were last read whole (UTC, ISO 8601) if, when the run began, they only
    looked unchanged since: by size, times and inode. None if they were read whole then. parameters are the
    numbers that the weights are; None in older files.
    """

    role: str
    name: str
    digest: str
    source: str
    numerics: str
    checked_before: str | None = None
    parameters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """The identity of a run.

    created is UTC in ISO 8601. kind says which problem reads problem_json; settings_json is the
    dump of RunSettings. summary is what exports say about the problem, as JSON values: for a task its name,
    metric, layout, rows, labels and split sizes. versions are those of Python and the packages, by name.
    """

    run_id: str
    created: str
    kind: str
    direction: Direction
    settings_json: str
    problem_json: str
    summary: Mapping[str, object]
    models: tuple[ModelRecord, ...]
    versions: Mapping[str, str]

    @property
    def is_task(self) -> bool:
        return self.kind == TASK


def read_header(path: Path) -> RunHeader:
    """The header of a run file, from which its problem can be built again. Raises StoreError."""
    with sound(path), closing(open_run(path, write=False)) as database:
        return load_header(database)


def save_header(database: apsw.Connection, header: RunHeader) -> None:
    """Write the header of a new run, within the caller's transaction."""
    database.execute(
        "INSERT INTO run (id, run_id, created, kind, direction, settings, problem, summary, models, "
        "versions) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            header.run_id,
            header.created,
            header.kind,
            header.direction,
            header.settings_json,
            header.problem_json,
            json.dumps(header.summary),
            json.dumps([asdict(model) for model in header.models]),
            json.dumps(header.versions),
        ),
    )


def load_header(database: apsw.Connection) -> RunHeader:
    """Raises ValueError and others of sound() where it makes no sense."""
    (row,) = read(
        database,
        "SELECT run_id, created, kind, direction, settings, problem, summary, models, versions FROM run",
    )
    run_id, created, kind, direction, settings, problem, summary, models, versions = row
    records = tuple(ModelRecord(**model) for model in json.loads(models))
    if kind == TASK and all(record.role != "scorer" for record in records):
        raise ValueError("a task without a scorer")
    return RunHeader(
        run_id=run_id,
        created=created,
        kind=kind,
        direction=direction,
        settings_json=settings,
        problem_json=problem,
        summary=json.loads(summary),
        models=records,
        versions=json.loads(versions),
    )
