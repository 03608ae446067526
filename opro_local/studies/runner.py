"""Runs a study: what is finished is skipped, what was cut off goes on, the rest begins.

A study's folder holds which run belongs to which cell; the runs are files like any others.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from opro_local.config import RunSettings
from opro_local.durable import write_file
from opro_local.errors import SettingsError, StoreError
from opro_local.records import content_hash
from opro_local.results.reading import read_overview
from opro_local.studies.plan import Cell

INDEX = "runs.json"
RUN_ID = r"^[\w-]+$"
"""What a run id may be: it names a file of the folder of runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How a study begins and resumes a run, and where run files are."""

    new_id: Callable[[], str]
    path: Callable[[str], Path]
    begin: Callable[[RunSettings, str], object]
    resume: Callable[[Path], object]


def plan_digest(plan: Sequence[Cell], settings: Sequence[RunSettings], task_json: str) -> str:
    """Tells a study from another with the same name."""
    values = [each.model_dump_json() for each in settings]
    return content_hash("study", [[cell.label for cell in plan], values, task_json])


def run_all(
    folder: Path,
    plan: Sequence[Cell],
    settings: Sequence[RunSettings],
    *,
    digest: str,
    runs: Runs,
    finished: Callable[[int], None],
) -> list[Path]:
    """The run files of all cells, in order; finished is told how many are. Raises Interrupted."""
    index = _Index(folder / INDEX, digest)
    paths = []
    for number, (cell, each) in enumerate(zip(plan, settings, strict=True)):
        run_id = index.run_of(f"{cell.label}, repeat {cell.repeat}", runs.new_id)
        path = runs.path(run_id)
        if not path.is_file():
            runs.begin(each, run_id)
        elif read_overview(path).status != "finished":
            runs.resume(path)
        paths.append(path)
        finished(number + 1)
    return paths


class _Kept(BaseModel):
    """What the file of the index holds: the study's digest, and cell -> run id."""

    study: str
    runs: dict[str, Annotated[str, Field(pattern=RUN_ID)]]


def _read_index(path: Path) -> _Kept:
    try:
        return _Kept.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}). Check the file.") from None
    except ValidationError:
        raise StoreError(
            f"{path}: is damaged; it says which runs belong to the study. Restore it from a copy, or delete "
            "it to begin the study anew: what is answered already is in the cache."
        ) from None


class _Index:
    """Cell -> run id, kept in a file before the run begins."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path = path
        self._digest = digest
        self._runs: dict[str, str] = {}
        if path.exists():
            kept = _read_index(path)
            if kept.study != digest:
                raise SettingsError(f"{path.parent} holds another study. Name another folder with --output.")
            self._runs = kept.runs

    def run_of(self, cell: str, new_id: Callable[[], str]) -> str:
        if cell not in self._runs:
            self._runs[cell] = new_id()
            self._save()
        return self._runs[cell]

    def _save(self) -> None:
        text = json.dumps({"study": self._digest, "runs": self._runs}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._path, text)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be written ({error.strerror}).") from None
