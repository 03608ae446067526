"""A short search over the mail task by a scripted model, recorded as a user's run is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.config import Folders, RunSettings
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e=cmd|'/c calc'!A0"
START = "Which of these is it: fintech, seed?"
SETTINGS: dict[str, Any] = {
    "models": {"scorer": "scripted"},
    "search": {"method": "opro", "proposals_per_step": 3, "headroom": 0, "sensitivity": 2},
    "scoring": {"calibration": "none"},
    "budget": {"steps": 2},
}


def finished(
    folder: Path, monkeypatch: pytest.MonkeyPatch, best: str, after_commit: Callable[[], None] = lambda: None
) -> Path:
    """The file of a run whose winner is best; after_commit is called whenever something is saved."""
    skills = {"": 6, START: 9, "Sort it.": 12, best: 20}
    samples = [["sort it.</INS>", "I cannot.</INS>", f"{best}</INS>"], ["</INS>", "SORT IT.</INS>", "no|"]]
    engine = ScriptedEngine(log_prob=mail_model(skills, otherwise=7), samples=samples)
    play_roles(monkeypatch, engine)
    host = Host(folders=Folders.of_user(folder), after_commit=after_commit)
    return optimize_task(mail_task(), RunSettings.model_validate(SETTINGS), host=host)
