"""A short search over the mail task by a scripted model, recorded as a user's run is."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mail_task import LABELS, mail_model, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.config import Folders, RunSettings
from opro_local.store.reply_cache import clear
from opro_local.store.run_folder import RunFolder
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


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a run by its winner, for tests that only read it: searched once."""

    @cache
    def file(best: str) -> Path:
        home = tmp_path_factory.mktemp("searched")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPRO_LOCAL_HOME", str(home))
            return finished(home, patch, best)

    return file


def finished(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    best: str,
    after_commit: Callable[[], None] = lambda: None,
    *,
    liking: float = 0.0,
    written: Callable[[list[dict[str, str]]], str] | None = None,
) -> Path:
    """The file of a run whose winner is best; after_commit is called whenever something is saved.

    liking: nats that the model gives the first label beyond what it knows; it is then calibrated. written:
    what the scorer writes to messages, where it is to write.
    """
    skills = {"": 6, START: 9, "Sort it.": 12, best: 20}
    samples = [["sort it.</INS>", "I cannot.</INS>", f"{best}</INS>"], ["</INS>", "SORT IT.</INS>", "no|"]]
    knowing = mail_model(skills, otherwise=7)

    def log_prob(text: str) -> float:
        return knowing(text) + (liking if text.endswith(LABELS[0]) else 0.0)

    def reply(text: str) -> str:
        assert written is not None
        return written([{"role": "user", "content": text}]) if best in text else "no"

    engine = ScriptedEngine(log_prob=log_prob, reply=reply, samples=samples)
    play_roles(monkeypatch, engine)
    clear(RunFolder(Folders.of_user(folder).runs).reply_cache)  # another script under the same digest
    host = Host(folders=Folders.of_user(folder), after_commit=after_commit)
    scoring = {"mode": "generation"} if written else {"calibration": "batch" if liking else "none"}
    settings = SETTINGS | {"scoring": scoring}
    return optimize_task(mail_task(), RunSettings.model_validate(settings), host=host)
