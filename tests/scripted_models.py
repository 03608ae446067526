"""Scripted engines in place of loaded models, for whole runs through the api and the command line."""

import pytest
from scripted_engine import ScriptedEngine

from opro_local import api, prepared, solving
from opro_local.store.header import ModelRecord


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
    models = prepared.Models(scorer=scorer, optimizer=engines["optimizer"], records=records)
    for module in (api, prepared, solving):
        monkeypatch.setattr(module, "load_models", lambda _settings, _folder: models)
