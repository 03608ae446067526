"""Races of a step's candidates against the best so far, worked out with a model that does as it is told."""

from dataclasses import replace
from typing import Any

import pytest
from mail_task import mail_model, mail_task, row
from memory_store import MemoryStore
from resolved import scorer_of

from opro_local.config import ScoringSettings
from opro_local.errors import Interrupted
from opro_local.problem import NullWatcher
from opro_local.problems.measurement import Measurement
from opro_local.problems.racing import Race
from opro_local.records import Candidate, Scored
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine

TRAIN = 64
BLOCK = 16
SKILLS = {"good": 60, "better": 64, "same": 60, "poor": 4}
GOOD = Candidate(instruction="good")


def race(*, best: Candidate | None = GOOD, **changes: Any) -> Race:
    task = mail_task(TRAIN)
    engine = ScriptedEngine(log_prob=mail_model(SKILLS))
    measurement = Measurement(
        task=task,
        split=Split(train=tuple(map(row, range(TRAIN))), validation=(), test=()),
        scorer=scorer_of(engine, task, ScoringSettings()),
        calibration="none",
        block=BLOCK,
        watcher=NullWatcher(),
    )
    return Race(measurement=replace(measurement, **changes), best=best, error_rate=0.2, seed=1)


def begun() -> MemoryStore[Candidate]:
    """A run in which the best has been scored on all rows."""
    ledger: MemoryStore[Candidate] = MemoryStore()
    race(best=None).run([GOOD], 0, ledger)
    return ledger


def run(found: Race, ledger: MemoryStore[Candidate], *texts: str) -> dict[str, Scored[Candidate]]:
    scored = found.run([Candidate(instruction=text) for text in texts], 1, ledger)
    return {entry.solution.instruction: entry for entry in scored}


def test_the_clearly_worse_leaves_early_and_the_others_are_scored_on_all_rows() -> None:
    scored = run(race(), begun(), "poor", "better", "same")
    assert [(text, entry.dropped) for text, entry in scored.items()] == [
        ("poor", True),
        ("better", False),
        ("same", False),
    ]
    assert scored["poor"].score.n < TRAIN
    assert (scored["better"].score.value, scored["better"].score.n) == (1.0, TRAIN)


def test_what_has_left_is_not_asked_again() -> None:
    ledger = begun()
    before = len(ledger.blocks)
    run(race(), ledger, "poor", "better")
    poor, better = Candidate(instruction="poor").key, Candidate(instruction="better").key
    asked = [keys for _, keys, _ in ledger.blocks[before:]]
    assert asked[0] == (poor, better)
    assert asked[-1] == (better,)
    assert len(asked) == TRAIN // BLOCK


def test_without_a_best_nobody_leaves() -> None:
    scored = run(race(best=None), MemoryStore(), "poor", "better")
    assert not any(entry.dropped for entry in scored.values())
    assert scored["poor"].score.value == 4 / TRAIN


def test_a_race_that_was_cut_off_goes_on_as_the_same_race() -> None:
    whole = run(race(), begun(), "poor", "better")
    ledger = begun()

    def stop() -> None:
        raise Interrupted("stopped")

    ledger.after_commit = stop
    for _ in range(2):
        with pytest.raises(Interrupted):
            run(race(), ledger, "poor", "better")
    ledger.after_commit = lambda: None
    assert run(race(), ledger, "poor", "better") == whole


def test_a_loss_is_raced_by_what_each_row_loses() -> None:
    task = replace(mail_task(TRAIN), metric="log_loss")
    ledger: MemoryStore[Candidate] = MemoryStore(direction="minimize")
    race(best=None, task=task).run([GOOD], 0, ledger)
    scored = run(race(task=task), ledger, "poor", "better")
    assert [entry.dropped for entry in scored.values()] == [True, False]


def test_a_race_in_heats_ends_as_the_same_race() -> None:
    runners = [Candidate(instruction=text) for text in ("poor", "better", "same")]
    together, apart = begun(), begun()
    whole = race().run(runners, 1, together)
    assert race(heat_tokens=1).run(runners, 1, apart) == whole
    assert len(apart.blocks) > len(together.blocks)
