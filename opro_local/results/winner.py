"""What a finished run has found, to be measured elsewhere."""

from dataclasses import dataclass, replace
from pathlib import Path

from opro_local.config import RunSettings
from opro_local.errors import SettingsError
from opro_local.records import Candidate
from opro_local.results.tasks import settings_of
from opro_local.store.reader import reading
from opro_local.tasks.task import Task, task_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The winner of a run and the baselines beside it, each with what it was; the winner comes first."""

    run: str
    task: Task
    settings: RunSettings
    candidates: tuple[tuple[str, Candidate], ...]

    @property
    def own_task(self) -> Task:
        """The run's task; its rows are divided as they were, also under another seed."""
        split = self.task.split
        seed = self.settings.search.seed if split.seed is None else split.seed
        return replace(self.task, split=split.model_copy(update={"seed": seed}))

    def placed(self, task: Task) -> Task:
        """Another task with the instruction where it stood in the run."""
        return replace(
            task,
            position=self.task.position,
            pretrained_position=self.task.pretrained_position,
            qa=self.task.qa,
        )

    def carried(self, task: Task) -> list[tuple[str, Candidate]]:
        """The candidates as they are; what is of labels goes with them only where these are the same."""
        if task.labels == self.task.labels:
            return list(self.candidates)
        return [
            (source, replace(candidate, calibration=(), verbalizer=()))
            for source, candidate in self.candidates
        ]


def load_winner(path: Path) -> Winner:
    """Raises StoreError, and SettingsError for a run that has no winner."""
    with reading(path) as run:
        header, evaluations = run.header, run.evaluations
        settings = settings_of(header)
        task = task_from_json(header.problem_json) if header.is_task else None
    by_role = {
        role: [e.candidate for e in evaluations if e.role == role and e.split == "test"]
        for role in ("winner", "baseline")
    }
    if task is None:
        raise SettingsError(f"Run {header.run_id} is of a mathematical problem, so it has found no prompt.")
    if not by_role["winner"]:
        raise SettingsError(f"Run {header.run_id} has no measured winner. Finish it: opro-local resume")
    winner = by_role["winner"][0]
    others = [candidate for candidate in by_role["baseline"] if candidate.key != winner.key]
    return Winner(
        run=header.run_id,
        task=task,
        settings=settings,
        candidates=(("winner", winner), *(("baseline", candidate) for candidate in others)),
    )
