"""The stored real models as engines in fp32, each tried and loaded once a process: that takes seconds."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from opro_local.catalogue import StoredModel, resolving
from opro_local.catalogue.conversion import check_loads
from opro_local.config import ModelSettings
from opro_local.engine import LoadOptions, LocalEngine, MemoryPlan, load_engines
from opro_local.wiring import models


def real_engine(folder: Path) -> LocalEngine:
    return _loaded(folder)[0]


@cache
def _loaded(folder: Path) -> tuple[LocalEngine, MemoryPlan]:
    digest = f"model:{folder.name}"
    engines, (plan,) = load_engines({digest: folder}, LoadOptions(quantize="fp32", device="cpu"))
    engine = engines[digest]
    assert isinstance(engine, LocalEngine)
    return engine, plan


def share_real_engines(patch: pytest.MonkeyPatch) -> None:
    """Let commands of this process find their models as they do, and run them as they are loaded already."""

    def load_stored(
        found: Mapping[str, StoredModel], _settings: ModelSettings, *, share: int = 1
    ) -> tuple[dict[str, LocalEngine], dict[str, MemoryPlan]]:
        assert share == 1, "workers have processes of their own"
        loaded = {digest: _loaded(model.path) for digest, model in found.items()}
        engines = {digest: engine for digest, (engine, _) in loaded.items()}
        return engines, {digest: plan for digest, (_, plan) in loaded.items()}

    patch.setattr(models, "load_stored", load_stored)
    patch.setattr(resolving, "check_loads", _check_once)


@cache
def _check_once(folder: Path, *, called: str) -> None:
    """As check_loads; what it raises is not kept."""
    check_loads(folder, called=called)
