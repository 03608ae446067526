"""Which run belongs to which cell of a study, kept in its folder; the runs are files like any others."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from opro_local.config import RunSettings
from opro_local.durable import write_file
from opro_local.errors import SettingsError, StoreError
from opro_local.records import content_hash
from opro_local.studies.plan import Cell

INDEX = "runs.json"
RUN_ID = r"^[\w-]+$"
"""What a run id may be: it names a file of the folder of runs."""


def plan_digest(plan: Sequence[Cell], settings: Sequence[RunSettings], task_json: str) -> str:
    """Tells a study from another with the same name."""
    values = [each.model_dump_json() for each in settings]
    return content_hash("study", [[cell.label for cell in plan], values, task_json])


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


class StudyIndex:
    """Cell -> run id, kept in the study's folder before the run begins. Several searches may ask at once."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._path, self._digest = folder / INDEX, digest
        self._runs: dict[str, str] = {}
        self._one_asks = Lock()
        if self._path.exists():
            kept = _read_index(self._path)
            if kept.study != digest:
                raise SettingsError(f"{folder} holds another study. Name another folder with --output.")
            self._runs = kept.runs

    def run_of(self, cell: Cell, new_id: Callable[[], str]) -> str:
        """The id of the cell's run; a new one where it has none. Raises StoreError."""
        name = f"{cell.label}, repeat {cell.repeat}"
        with self._one_asks:
            if name not in self._runs:
                self._runs[name] = new_id()
                self._save()
            return self._runs[name]

    def _save(self) -> None:
        text = json.dumps({"study": self._digest, "runs": self._runs}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._path, text)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be written ({error.strerror}).") from None
