"""Wiring: from names and settings to a finished run. The CLI and Python users call the same functions.

Torch is imported when a model is loaded, not before.
"""

import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

from opro_local.budget import Estimate, estimate, with_preset
from opro_local.catalogue import StoredModel, resolve, verify
from opro_local.config import ModelSettings, RunSettings, Style, parse_settings
from opro_local.errors import ModelError
from opro_local.llm import Engine
from opro_local.loop import optimize
from opro_local.offline import close_network
from opro_local.optimizer import Optimizer
from opro_local.problem import Watcher
from opro_local.problems.instruction import InstructionProblem
from opro_local.records import Candidate, Outcome, Score, SplitName, Step, Trajectory
from opro_local.scoring.scorer import Scorer
from opro_local.store.export import run_document
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import ModelRecord, RunFile, RunHeader
from opro_local.tasks.split import Split, split_examples
from opro_local.tasks.task import Task, task_from_json, task_to_json

RECORDED_PACKAGES = ("opro-local", "torch", "transformers", "bitsandbytes", "scikit-learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where models and runs are kept."""

    models: Path
    runs: Path


class Silent:
    """A watcher that shows nothing."""

    def step_opened(self, step: Step[Any]) -> None: ...
    def block_scored(self, split: SplitName, pairs: int) -> None: ...
    def step_closed(self, trajectory: Trajectory[Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a run needs from outside: folders, somebody who watches, and a say after each commit."""

    folders: Folders
    watcher: Watcher = field(default_factory=Silent)
    after_commit: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The two roles; one and the same engine when both are played by the same weights."""

    scorer: Engine
    optimizer: Engine
    records: tuple[ModelRecord, ...]


def load_models(settings: ModelSettings, models_folder: Path) -> Models:
    """Find, verify and load the models of both roles; equal weights are loaded once. Raises ModelError."""
    stored = {
        "scorer": resolve(settings.scorer, models_folder),
        "optimizer": resolve(settings.optimizer_name, models_folder),
    }
    engines = {model.digest: _load(model, settings) for model in stored.values()}
    records = tuple(
        ModelRecord(
            role=role,
            name=model.name,
            digest=model.digest,
            source=model.source,
            numerics=engines[model.digest].numerics,
        )
        for role, model in stored.items()
    )
    return Models(
        scorer=engines[stored["scorer"].digest],
        optimizer=engines[stored["optimizer"].digest],
        records=records,
    )


def _load(model: StoredModel, settings: ModelSettings) -> Engine:
    verify(model.path)
    close_network()
    from opro_local.engine import load_engine

    return load_engine(model.path, digest=model.digest, quantize=settings.quantize, device=settings.device)
