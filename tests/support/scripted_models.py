"""Scripted engines in place of loaded models, for whole runs through the api and the command line."""

import pytest

from opro_local.store.header import ModelRecord
from opro_local.testing import ScriptedEngine
from opro_local.wiring import models


def play_roles(
    monkeypatch: pytest.MonkeyPatch, scorer: ScriptedEngine, *, optimizer: ScriptedEngine | None = None
) -> None:
    """Whatever models are asked for, these are loaded."""
    engines = {"scorer": scorer, "optimizer": optimizer or scorer}
    records = tuple(
        ModelRecord(
            role=role, name="scripted", digest=engine.digest, source="script", numerics=engine.numerics
        )
        for role, engine in engines.items()
    )
    loaded = models.Models(scorer=scorer, optimizer=engines["optimizer"], records=records)
    monkeypatch.setattr(models, "load_models", lambda _settings, _folder: loaded)
