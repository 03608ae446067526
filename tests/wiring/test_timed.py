"""Whole runs of a model that takes its time: the record tells where it went, also of a run that went on."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task, resume_run
from opro_local.config import Folders, RunSettings
from opro_local.errors import Interrupted
from opro_local.llm import ChoiceReply, ChoiceRequest, GenerationReply, GenerationRequest, Message, TokenIds
from opro_local.report.sections import sections
from opro_local.results.document import run_document
from opro_local.results.result import read_result
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host

ASKING, WRITING, READING = 0.02, 0.05, 0.001
SETTINGS: dict[str, Any] = {
    "models": {"scorer": "scripted"},
    "search": {"method": "opro", "proposals_per_step": 2, "exemplars": 2, "block": 4, "headroom": 0},
    "budget": {"steps": 2},
}


class Slow(ScriptedEngine):
    """Counts how often it was asked for what; every call takes a time of its own."""

    def __init__(self) -> None:
        samples = [["Sort it.", "Read twice."], ["Look.", "Think."]]
        super().__init__(log_prob=mail_model({}, otherwise=8), samples=samples)
        self.calls = {"scorer": 0, "optimizer": 0, "tokenizer": 0}

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        self._wait("scorer", ASKING)
        return super().loglikelihood(requests)

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        self._wait("optimizer", WRITING)
        return super().sample(request, n, temperature=temperature, seed=seed)

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        self._wait("tokenizer", READING)
        return super().encode_each(messages, prefills, closed=closed)

    def _wait(self, part: str, seconds: float) -> None:
        self.calls[part] += 1
        time.sleep(seconds)


def cutting_off(after: int) -> Callable[[], None]:
    commits = iter(range(after))

    def commit() -> None:
        if next(commits, None) is None:
            raise Interrupted("stopped")

    return commit


@pytest.fixture(params=["unbroken", "cut off"])
def path(request: pytest.FixtureRequest, tmp_path: Path, engine: Slow) -> Path:
    folders = Folders.of_user(tmp_path)
    if request.param == "unbroken":
        return optimize_task(mail_task(), RunSettings.model_validate(SETTINGS), host=Host(folders=folders))
    with pytest.raises(Interrupted):
        optimize_task(
            mail_task(),
            RunSettings.model_validate(SETTINGS),
            host=Host(folders=folders, after_commit=cutting_off(6)),
        )
    (path,) = folders.runs.glob("2*.sqlite")
    time.sleep(0.2)  # no part of the run
    resume_run(path, host=Host(folders=folders))
    return path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Slow:
    engine = Slow()
    play_roles(monkeypatch, engine)
    return engine


def test_each_second_is_told_once_with_the_part_that_took_it(path: Path, engine: Slow) -> None:
    timing = run_document(path)["timing"]
    parts = timing["parts"]
    assert list(parts) == ["optimizer", "scorer", "tokenizer", "store", "other"]
    assert parts["optimizer"] == pytest.approx(engine.calls["optimizer"] * WRITING, rel=0.5)
    assert parts["scorer"] == pytest.approx(engine.calls["scorer"] * ASKING, rel=0.5)
    assert parts["tokenizer"] > 0 < parts["store"]
    assert sum(parts.values()) == pytest.approx(timing["seconds"])


def test_reports_tell_it(path: Path) -> None:
    (cost,) = [section for section in sections(read_result(path)) if section.title == "Cost"]
    assert any(line.startswith("time: optimizer ") for line in cost.lines)
    (amounts,) = cost.tables
    names = [name for name, _ in amounts.rows]
    assert {"time of optimizer", "time of scorer", "time of other"} <= set(names)
