"""Searches side by side: ours by each method and promptolution's, on the same model, rows, starts, budget.

A table is divided once, whatever the seed of a search. Every search but that of our portfolio goes on until
its scorer, or its optimizer, has taken as many tokens as the scorer in the portfolio's whole run with the
same model, table and seed; its own validation and test come on top.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bench.cells import Cell, CellFile, CellName, marks
from bench.children import Child, child_process
from opro_local.api import optimize_task
from opro_local.catalogue import resolve
from opro_local.config import (
    BudgetSettings,
    Folders,
    Method,
    ModelSettings,
    RunSettings,
    SearchSettings,
    TaskSettings,
)
from opro_local.engine import LocalEngine
from opro_local.engine.profile import profile_folder
from opro_local.errors import DataError
from opro_local.interventions import STOPPED
from opro_local.llm import EngineStats
from opro_local.problem import Estimate, NullWatcher
from opro_local.problems.instruction import default_starts
from opro_local.records import Example, Trajectory, content_hash
from opro_local.results.document import as_json
from opro_local.results.findings import Findings, Pair
from opro_local.results.result import TaskResult, result_of
from opro_local.results.steps import best_start
from opro_local.store.events import ask
from opro_local.store.reader import reading
from opro_local.tasks.loading import load_task
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task
from opro_local.wiring.host import Host
from opro_local.wiring.models import Models, load_models
from opro_local.wiring.task_run import split_task

CHILD = Path(__file__).with_name("promptolution_child.py")
REFERENCE: Method = "portfolio"
"""All others may use as much as this method did."""
MANY_STEPS = 10_000
"""More than any budget of tokens allows."""


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

    def settings(self, model: str, method: Method, seed: int) -> RunSettings:
        """Nothing is measured beyond what the comparison needs; tokens end the searches but the reference."""
        steps = self.budget.steps if method == REFERENCE else MANY_STEPS
        return RunSettings(
            models=ModelSettings(scorer=model),
            search=SearchSettings(method=method, seed=seed, headroom=0, sensitivity=0),
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
    """All searches of a bench; peer_python has promptolution, if peers are asked for."""

    plan: Plan
    folders: Folders
    cells: CellFile
    methods: Sequence[Method]
    peers: Sequence[str]
    peer_python: Path | None
    seeds: Sequence[int]

    def run(self, model: str, tables: Sequence[Task]) -> Iterator[Cell]:
        """Cells of one model as they are finished; those of the file at once."""
        self._check(model, tables)
        models = cache(lambda: load_models(ModelSettings(scorer=model), self.folders.models))
        for seed in self.seeds:
            for task in tables:
                for method in sorted(self.methods, key=lambda method: method != REFERENCE):
                    name = self._name(model, task, method, seed)
                    yield self.cells.all().get(name) or self._kept(self._ours(name, task, method, models()))
        models.cache_clear()
        yield from self._of_peers(model, tables)

    def _check(self, model: str, tables: Sequence[Task]) -> None:
        """What would end the bench hours later. Raises DataError."""
        if len({task.name for task in tables}) < len(tables):
            raise DataError("Two tables have the same name, by which their cells are found. Rename one.")
        if self.peers and self.peer_python is None:
            raise DataError("Peers need --peer-python: a Python that has promptolution.")
        if REFERENCE not in self.methods:
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
            with promptolution(self.peer_python, resolve(model, self.folders.models).path) as child:
                for name, task in missing:
                    yield self._kept(self._theirs(name, task, child))

    def _name(self, model: str, task: Task, method: str, seed: int) -> CellName:
        return CellName(model=model, data=task.name, method=method, seed=seed, plan=self.plan.digest)

    def _kept(self, cell: Cell) -> Cell:
        self.cells.add(cell)
        return cell

    def _ours(self, name: CellName, task: Task, method: Method, models: Models) -> Cell:
        settings = self.plan.settings(name.model, method, name.seed)
        self.folders.runs.mkdir(parents=True, exist_ok=True)
        runs = mkdtemp(prefix=f"bench-{name.data}-{method}-{name.seed}-", dir=self.folders.runs)
        # Replies and prefixes that an earlier search left behind would not be counted.
        host = Host(folders=replace(self.folders, runs=Path(runs)))
        if isinstance(models.scorer, LocalEngine):
            models.scorer.forget()
        if method != REFERENCE:
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


@contextmanager
def promptolution(python: Path, folder: Path) -> Iterator[Child]:
    """A child with the model loaded in the dtype of ours. Raises ModelError."""
    dtype = str(profile_folder(folder, quantize="auto", device="auto").dtype).removeprefix("torch.")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    chat = bool(config.get("chat_template")) or (folder / "chat_template.jinja").is_file()
    environment = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(CHILD.parents[1])}
    with child_process("promptolution", python, CHILD, environment) as child:
        child.ask({"folder": str(folder), "dtype": dtype, "chat": chat})
        yield child


def question_for(name: CellName, task: Task, split: Split, tokens: int) -> dict[str, object]:
    """One search for the child."""

    def pairs(rows: Sequence[Example]) -> list[list[str]]:
        return [[row.text, row.target] for row in rows]

    return {
        "method": name.method,
        "seed": name.seed,
        "description": task.description or f"Find the label of a text: {', '.join(task.labels)}.",
        "labels": list(task.labels),
        "starts": [start or "Answer:" for start in default_starts(task)],
        "tokens": tokens,
        "scored": pairs(split.train),
        "train": pairs([*split.train, *split.pool]),
        "validation": pairs(split.validation),
        "test": pairs(split.test),
    }


def cell_of_answer(name: CellName, answer: dict[str, Any], test: Sequence[Example]) -> Cell:
    """What a peer found; no answer is a wrong one."""

    def right(answers: Sequence[str | None]) -> str:
        return marks([given == row.target for given, row in zip(answers, test, strict=True)])

    return Cell(
        name=name,
        right=right(answer["answers"]),
        start_right=right(answer["start_answers"]),
        validation=answer["validation"],
        scorer_tokens=answer["scorer_tokens"],
        asked_tokens=answer["scorer_tokens"],
        optimizer_tokens=answer["optimizer_tokens"],
        pairs=answer["pairs"],
        seconds=answer["seconds"],
        instruction=answer["prompt"],
        shots=answer["shots"],
        stopped=answer["stopped"],
    )
