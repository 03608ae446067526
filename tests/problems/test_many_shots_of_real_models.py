"""What candidates with many shots cost: little more than their different tokens, though block by block."""

import random
from pathlib import Path

import pytest
from mail_task import LABELS
from memory_store import MemoryStore
from real_engines import real_engine
from resolved import scorer_of

from opro_local.config import ScoringSettings, SplitSettings
from opro_local.engine.counts import count
from opro_local.llm import ChoiceRequest
from opro_local.problem import NullWatcher
from opro_local.problems.measurement import Measurement
from opro_local.problems.racing import Race
from opro_local.records import Candidate, Example
from opro_local.scoring.scorer import Scorer
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task

pytestmark = pytest.mark.slow

SHOTS, ROWS, CANDIDATES = 64, 24, 2
MOST = 1.3
"""Times the different tokens of all that is asked in a step."""


def row(number: int) -> Example:
    draw = random.Random(number)
    words = draw.choices(["loan", "bank", "round", "fund", "card", "stock", "angel", "fee"], k=6)
    return Example(id=str(number), text=f"{number} {' '.join(words)}", target=LABELS[number % 2])


POOL, TRAIN = tuple(map(row, range(100))), tuple(map(row, range(100, 100 + ROWS)))


def requests(scorer: Scorer, candidate: Candidate) -> list[ChoiceRequest]:
    asked = [scorer.mode.request(scorer.layout.prompt(candidate, each.text), each) for each in TRAIN]
    return [each for each in asked if isinstance(each, ChoiceRequest)]


def test_a_step_of_large_sets_runs_little_more_than_its_different_tokens(smollm2_folder: Path) -> None:
    engine = real_engine(smollm2_folder)
    task = Task(
        name="mails",
        examples=(*POOL, *TRAIN),
        answer="label",
        labels=LABELS,
        description="",
        position="Q_begin",
        qa=None,
        metric="accuracy",
        split=SplitSettings(),
    )
    scorer = scorer_of(engine, task, ScoringSettings())
    measurement = Measurement(
        task=task,
        split=Split(train=TRAIN, validation=(), test=(), pool=POOL),
        scorer=scorer,
        calibration="auto",
        block=8,
        watcher=NullWatcher(),
    )
    sets = [tuple(random.Random(seed).sample(POOL, SHOTS)) for seed in range(CANDIDATES)]
    candidates = [Candidate(instruction="Sort the mail.", shots=shots) for shots in sets]
    engine.forget()
    before = engine.work.tokens_run
    scored = Race(measurement=measurement, best=None, error_rate=0.3, seed=0).run(
        candidates, 0, MemoryStore()
    )
    run = engine.work.tokens_run - before
    least = count([request for each in candidates for request in requests(scorer, each)]).unique_tokens
    assert [entry.score.n for entry in scored] == [ROWS] * CANDIDATES
    assert least > CANDIDATES * SHOTS * 10
    assert run <= MOST * least, f"{run} tokens run, {least} different ones"
