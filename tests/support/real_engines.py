"""The stored real models as engines in fp32, each planned and loaded once a process: that takes seconds."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from opro_local.catalogue import StoredModel
from opro_local.config import ModelSettings
from opro_local.engine import LocalEngine, MemoryPlan, load_engine, plan_folder
from opro_local.wiring import models


@cache
def real_engine(folder: Path) -> LocalEngine:
    return load_engine(folder, digest=f"model:{folder.name}", quantize="fp32")


@cache
def real_plan(folder: Path) -> MemoryPlan:
    return plan_folder(folder, quantize="fp32", device="cpu")


def share_real_engines(patch: pytest.MonkeyPatch) -> None:
    """Let commands of this process find their models as they do, and run them as they are loaded already."""

    def load_stored(
        found: Mapping[str, StoredModel], _settings: ModelSettings, *, share: int = 1
    ) -> tuple[dict[str, LocalEngine], dict[str, MemoryPlan]]:
        assert share == 1, "workers have processes of their own"
        engines = {digest: real_engine(model.path) for digest, model in found.items()}
        return engines, {digest: real_plan(model.path) for digest, model in found.items()}

    patch.setattr(models, "load_stored", load_stored)
