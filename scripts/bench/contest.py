"""Searches side by side: ours by each method, and the peers', on the same models, rows, starts, budget.

A table is divided once, whatever the seed of a search. Every search but that of our portfolio goes on until
its scorer, or its optimizer, has taken as many tokens as the scorer in the portfolio's whole run with the
same model, table and seed; its own validation and test come on top.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bench.cells import Cell, CellFile, CellName, marks
from bench.children import Child
from bench.searching_peers import cell_of_answer, question_for, searching_peers
from opro_local.api import optimize_task
from opro_local.catalogue import resolve
from opro_local.config import (
    Arm,
    BudgetSettings,
    Folders,
    Method,
    ModelSettings,
    RunSettings,
    SearchSettings,
    TaskSettings,
)
from opro_local.effort import EngineStats
from opro_local.engine import LocalEngine
from opro_local.errors import DataError
from opro_local.interventions import STOPPED
from opro_local.problem import Estimate, NullWatcher
from opro_local.records import Trajectory, content_hash
from opro_local.results.document import as_json
from opro_local.results.findings import Findings, Pair
from opro_local.results.result import TaskResult, result_of
from opro_local.results.steps import best_start
from opro_local.store.events import ask
from opro_local.store.reader import reading
from opro_local.tasks.loading import load_task
from opro_local.tasks.split import Split, split_task
from opro_local.tasks.task import Task
from opro_local.wiring.host import Host
from opro_local.wiring.models import Models, load_models

REFERENCE = "portfolio"
"""All others may use as much as this method did."""
MANY_STEPS = 10_000
"""More than any budget of tokens allows."""


@dataclass(frozen=True, slots=True)
class Search:
    """One of ours, perhaps without an arm."""

    method: Method
    without: tuple[Arm, ...] = ()

    @property
    def name(self) -> str:
        return " ".join([self.method, *(f"without {arm}" for arm in self.without)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all cells of a bench share: how a table is divided, and how long is searched."""

    train: int
    validation: int
    test: int
    budget: BudgetSettings

    @property
    def digest(self) -> str:
        sizes = [self.train, self.validation, self.test]
        return content_hash("plan of equal tokens", [sizes, self.budget.model_dump()])[-16:]

    def task(self, path: Path, text: str, label: str) -> Task:
        rows = self.train + self.validation + self.test
        sizes = {
            "seed": 0,
            **{part: getattr(self, part) / rows for part in ("train", "validation", "test")},
            **{f"max_{part}": getattr(self, part) for part in ("train", "validation", "test")},
        }
        settings = TaskSettings.model_validate(
            {"data": str(path.resolve()), "text": text, "label": label, "split": sizes}
        )
        return load_task(settings, folder=Path(), name=path.stem)

    def split(self, task: Task, seed: int) -> Split:
        """As the reference divides it."""
        rows = self.budget.train_rows or self.train
        return split_task(task, seed=seed, shots=0, search_shots=True, train_rows=rows)

    def settings(self, models: ModelSettings, search: Search, seed: int) -> RunSettings:
        """Nothing is measured beyond what the comparison needs; tokens end the searches but the reference."""
        steps = self.budget.steps if search.name == REFERENCE else MANY_STEPS
        return RunSettings(
            models=models,
            search=SearchSettings(
                method=search.method, without=search.without, seed=seed, headroom=0, sensitivity=0
            ),
            budget=self.budget.model_copy(update={"steps": steps}),
        )


@dataclass(slots=True, kw_only=True)
class Purse(NullWatcher):
    """A watcher that asks a run to stop after the step in which a role has used up its tokens."""

    runs: Path
    limit: int
    path: Path = Path()
    effort: Callable[[], EngineStats] | None = None

    def started(self, run_id: str, cost: Estimate) -> None:
        self.path = self.runs / f"{run_id}.sqlite"

    def metered(self, effort: Callable[[], EngineStats]) -> None:
        self.effort = effort

    def step_closed(self, trajectory: Trajectory[Any]) -> None:
        assert self.effort is not None
        written = sum(step.tokens for step in trajectory.steps)
        if max(written, self.effort().tokens_run) >= self.limit:
            ask(self.path, "stop", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """All searches of a bench; peer_python has the packages of the peers, if any are asked for.

    optimizer names the optimizer model where it is not the scorer.
    """

    plan: Plan
    folders: Folders
    cells: CellFile
    searches: Sequence[Search]
    optimizer: str | None
    peers: Sequence[str]
    peer_python: Path | None
    seeds: Sequence[int]

    def run(self, model: str, tables: Sequence[Task]) -> Iterator[Cell]:
        """Cells of one model as they are finished; those of the file at once."""
        self._check(model, tables)
        models = cache(lambda: load_models(self._models(model), self.folders.models))
        for seed in self.seeds:
            for task in tables:
                for search in sorted(self.searches, key=lambda search: search.name != REFERENCE):
                    name = self._name(model, task, search.name, seed)
                    yield self.cells.all().get(name) or self._kept(self._ours(name, task, search, models()))
        models.cache_clear()
        yield from self._of_peers(model, tables)

    def _check(self, model: str, tables: Sequence[Task]) -> None:
        """What would end the bench hours later. Raises DataError."""
        if len({task.name for task in tables}) < len(tables):
            raise DataError("Two tables have the same name, by which their cells are found. Rename one.")
        if self.peers and self.peer_python is None:
            raise DataError("Peers need --peer-python: a Python that has their packages.")
        if REFERENCE not in (search.name for search in self.searches):
            for task, seed in product(tables, self.seeds):
                self._reference(self._name(model, task, REFERENCE, seed))

    def _of_peers(self, model: str, tables: Sequence[Task]) -> Iterator[Cell]:
        names = [
            (self._name(model, task, peer, seed), task)
            for seed in self.seeds
            for task in tables
            for peer in self.peers
        ]
        known = self.cells.all()
        yield from (known[name] for name, _ in names if name in known)
        missing = [(name, task) for name, task in names if name not in known]
        if missing:
            assert self.peer_python is not None
            folders = [resolve(each, self.folders.models).path for each in (model, self.optimizer or model)]
            with searching_peers(self.peer_python, *folders) as child:
                for name, task in missing:
                    yield self._kept(self._theirs(name, task, child))

    def _name(self, model: str, task: Task, method: str, seed: int) -> CellName:
        other = {"optimizer": self.optimizer} if self.optimizer else {}
        return CellName(model=model, data=task.name, method=method, seed=seed, plan=self.plan.digest, **other)

    def _models(self, scorer: str) -> ModelSettings:
        return ModelSettings(scorer=scorer, optimizer=self.optimizer)

    def _kept(self, cell: Cell) -> Cell:
        self.cells.add(cell)
        return cell

    def _ours(self, name: CellName, task: Task, search: Search, models: Models) -> Cell:
        settings = self.plan.settings(self._models(name.model), search, name.seed)
        self.folders.runs.mkdir(parents=True, exist_ok=True)
        runs = mkdtemp(prefix=f"bench-{name.data}-{search.method}-{name.seed}-", dir=self.folders.runs)
        # Replies and prefixes that an earlier search left behind would not be counted.
        host = Host(folders=replace(self.folders, runs=Path(runs)))
        if isinstance(models.scorer, LocalEngine):
            models.scorer.forget()
        if search.name != REFERENCE:
            limit = self._reference(name).scorer_tokens
            host = replace(host, watcher=Purse(runs=Path(runs), limit=limit))
        cell = cell_of_run(name, optimize_task(task, settings, host=host, models=models))
        return replace(cell, stopped="budget of tokens used") if cell.stopped == STOPPED else cell

    def _reference(self, name: CellName) -> Cell:
        """The search whose tokens are the budget of the one with this name. Raises DataError."""
        found = self.cells.all().get(replace(name, method=REFERENCE))
        if found is None:
            raise DataError(f"{name.method} gets the tokens of {REFERENCE}: bench that method with it.")
        return found

    def _theirs(self, name: CellName, task: Task, child: Child) -> Cell:
        split = self.plan.split(task, name.seed)
        question = question_for(name, task, split, self._reference(name).scorer_tokens)
        return cell_of_answer(name, child.ask(question), split.test)


def cell_of_run(name: CellName, path: Path) -> Cell:
    """What a run of ours found, its start being the one that was best on validation."""
    with reading(path) as run:
        found, pairs = result_of(run), Findings(run=run).pairs()
    assert isinstance(found, TaskResult) and found.best is not None
    assert found.validation is not None and found.validation.value is not None
    start = beside_best_start(found, pairs)
    efforts = found.timing.scorer
    return Cell(
        name=name,
        right=marks([answer.correct for answer in start.ours]),
        start_right=marks([answer.correct for answer in start.theirs]),
        validation=found.validation.value,
        scorer_tokens=sum(effort.tokens_run for effort in efforts),
        least_tokens=sum(effort.least_tokens for effort in efforts),
        asked_tokens=found.usage.scorer_tokens,
        optimizer_tokens=found.usage.optimizer_tokens,
        pairs=found.usage.pairs,
        seconds=found.timing.seconds,
        instruction=found.best.instruction,
        shots=len(found.best.shots),
        stopped=found.stop_reason or "",
        proposers=as_json(found.proposers),
        expected=found.expected.value if found.expected else None,
    )


def beside_best_start(found: TaskResult, pairs: Sequence[Pair]) -> Pair:
    """The winner beside the start that validation prefers."""
    start = best_start(found)
    assert start is not None
    return next(pair for pair in pairs if pair.instruction == start.instruction)
