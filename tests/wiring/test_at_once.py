"""Several searches at once: in threads, on the same workers, with the results of one after the other."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crews import PickledCrew
from mail_task import mail_model, mail_task

from opro_local.api import cross_fit
from opro_local.config import Folders, RunSettings
from opro_local.errors import Interrupted, StoreError
from opro_local.problem import NullWatcher
from opro_local.results import document
from opro_local.results.cost import cost_lines
from opro_local.results.result import read_result
from opro_local.store.header import ModelRecord
from opro_local.testing import ScriptedEngine
from opro_local.wiring.at_once import all_searched
from opro_local.wiring.host import Host
from opro_local.wiring.models import Models
from opro_local.workers.holder import Opened
from opro_local.workers.jobs import ModelAbout
from opro_local.workers.pool import Pool
from opro_local.workers.spread import SpreadEngine

SKILLS = {"": 6, "Sort it.": 12, "Read twice.": 40, "Think.": 30}


class Told(NullWatcher):
    """Keeps how many searches were done when it was told."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def finished(self, searches: int) -> None:
        self.counts.append(searches)


@pytest.mark.parametrize("searches", [1, 3])
def test_results_are_in_order_and_no_more_go_on_than_the_host_allows(searches: int) -> None:
    told, at_work, most = Told(), set[int](), 0
    together = threading.Barrier(searches)

    def search(number: int, host: Host) -> int:
        nonlocal most
        at_work.add(number)
        most = max(most, len(at_work))
        together.wait(timeout=60)
        at_work.discard(number)
        return number

    found = all_searched(
        [lambda host, n=n: search(n, host) for n in range(6)],  # type: ignore[misc]
        Host(watcher=told, searches=searches),
    )
    assert found == list(range(6))
    assert told.counts == [1, 2, 3, 4, 5, 6]
    assert most <= searches


def test_the_first_that_fails_stops_the_others_when_they_next_save() -> None:
    begun, stopped = threading.Barrier(2), []

    def goes_on(host: Host) -> None:
        begun.wait(timeout=60)
        try:
            while True:
                host.after_commit()
        except Interrupted:
            stopped.append(True)
            raise

    def fails(host: Host) -> None:
        begun.wait(timeout=60)
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        all_searched([goes_on, fails, goes_on], Host(searches=2))
    assert stopped == [True], "and the third has not begun"


def test_a_stop_of_the_user_reaches_all() -> None:
    def search(host: Host) -> None:
        host.after_commit()

    def after_commit() -> None:
        raise Interrupted("Stopped by the user.")

    with pytest.raises(Interrupted):
        all_searched([search] * 4, Host(searches=2, after_commit=after_commit))


def engine() -> ScriptedEngine:
    samples = [["Think.</INS>", "Read twice.</INS>"]] * 9
    model = mail_model(SKILLS, otherwise=7)
    return ScriptedEngine(log_prob=model, reply=lambda _: "fintech", samples=samples)


def folds(home: Path, searches: int, mode: str = "likelihood") -> list[dict[str, Any]]:
    """What a search of three folds comes to, without what no two runs have alike."""
    workers = Pool(
        PickledCrew(lambda: Opened(engines={engine().digest: engine()}, place="here", hardware="a"))
    )
    workers.begin()

    def load(_settings: object, _folder: Path) -> Models:
        own = engine()
        spread = SpreadEngine(own.digest, ModelAbout.of(own), own, workers)
        record = ModelRecord(role="scorer", name="s", digest=own.digest, source="script", numerics="scripted")
        return Models(scorer=spread, optimizer=own, records=(record, replace(record, role="optimizer")))

    settings = RunSettings.model_validate(
        {
            "models": {"scorer": "scripted"},
            "search": {"method": "opro", "proposals_per_step": 2, "headroom": 0, "sensitivity": 0},
            "scoring": {"mode": mode},
            "budget": {"steps": 1},
        }
    )
    task = mail_task(60)
    task = replace(task, split=task.split.model_copy(update={"folds": 3}))
    host = Host(folders=Folders.of_user(home), load_models=load, searches=searches)
    paths = cross_fit(task, settings, host=host)
    for path in paths:
        assert any(
            "2 workers on here" in line and "sockets of Ray" in line for line in cost_lines(read_result(path))
        )
    return [document.as_json(read_result(path)) for path in paths]


def test_folds_at_once_come_to_what_they_come_to_one_by_one(tmp_path: Path) -> None:
    at_once, one_by_one = folds(tmp_path / "three", 3), folds(tmp_path / "one", 1)
    for run in at_once:
        (effort,), (workers,) = run["timing"]["scorer"], run["timing"]["workers"]
        assert effort["requests"] == sum(worker["requests"] for worker in workers) > 0
    for run in (*at_once, *one_by_one):
        del run["run"], run["timing"]
    assert at_once == one_by_one


def test_workers_are_told_of_where_answers_are_written(tmp_path: Path) -> None:
    for run in folds(tmp_path, 3, mode="generation"):
        assert run["timing"]["scorer"] == []
        assert sum(worker["requests"] for worker in run["timing"]["workers"][0]) > 0
