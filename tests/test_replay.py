"""One whole run against the document that it gave when it was last looked at: a change shows as a diff."""

import json
from pathlib import Path
from typing import Any

import pytest
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.config import Folders, RunSettings
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.results.document import run_document
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host

GOLDEN = Path(__file__).parent / "golden" / "replay.json"
START = "Which of these is it: fintech, seed?"
SKILLS = {"": 6, START: 9, "Sort it.": 12, "Read twice.": 16, "Say seed": 2, STEP_BY_STEP: 8}
SAMPLES = [
    ["sort it.</INS>", "I cannot do that.</INS>", '"Say seed"'],
    ["SORT IT.\n\nBecause", "Read twice.</INS> score: 99", "<INS>Think</INS>"],
]
SETTINGS: dict[str, Any] = {
    "models": {"scorer": "scripted"},
    "search": {
        "method": "opro",
        "racing": "on",
        "proposals_per_step": 3,
        "exemplars": 2,
        "block": 4,
        "finalists": 2,
        "headroom": 0,
        "sensitivity": 0,
    },
    "scoring": {"calibration": "none"},
    "budget": {"steps": 2},
}


def replayed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The run's document without what differs from run to run and machine to machine."""
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS), samples=SAMPLES))
    host = Host(folders=Folders.of_user(folder))
    path = optimize_task(mail_task(), RunSettings.model_validate(SETTINGS), host=host)
    document = run_document(path)
    for key in ("run", "timing", "versions"):
        del document[key]
    rounded: dict[str, Any] = _rounded(document)
    return rounded


def _rounded(value: Any) -> Any:
    """Floats to nine digits: the last bits are the platform's."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def test_the_same_replies_give_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(replayed(tmp_path, monkeypatch), ensure_ascii=False, indent=1, sort_keys=True)
    assert text.splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()
