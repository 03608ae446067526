"""Sets of shots that lose sentences or shots, chosen on train and measured on test."""

import json
import random
from dataclasses import replace

import pytest
from mail_task import LABELS, mail_task, row
from measure_pruning import drawn, exchanged, measured, summary, without_a_sentence
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import ScoringSettings
from opro_local.problems.measurement import Measurement
from opro_local.records import Candidate, Example
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine

POOL = tuple(replace(row(i), text=f"Mail {i}. Noise! Best wishes") for i in range(8))
TRAIN, TEST = tuple(map(row, range(10, 16))), tuple(map(row, range(20, 26)))


def test_one_sentence_of_one_shot_is_left_out_at_a_time_and_never_the_last() -> None:
    shots = (POOL[0], Example(id="short", text="One only.", target=LABELS[0]))
    ways = list(without_a_sentence(Candidate(instruction="Sort.", shots=shots)))
    assert [way.shots[0].text for way in ways] == [
        "Noise! Best wishes",
        "Mail 0. Best wishes",
        "Mail 0. Noise!",
    ]
    assert {way.shots[1] for way in ways} == {shots[1]}
    assert {(way.shots[0].id, way.shots[0].target) for way in ways} == {(shots[0].id, shots[0].target)}


def test_labels_are_drawn_in_turn_and_a_shot_is_exchanged_for_one_of_its_label() -> None:
    shots = drawn(POOL, 4, random.Random(1))
    assert sorted(shot.target for shot in shots) == sorted(LABELS * 2)
    assert len(set(shots)) == 4
    ways = exchanged(Candidate(instruction="", shots=shots), POOL, random.Random(1), 9)
    assert len(ways) == 9
    for way in ways:
        ((old, new),) = [pair for pair in zip(shots, way.shots, strict=True) if pair[0] != pair[1]]
        assert old.target == new.target
        assert new not in shots


def measurement(disturbing: str) -> Measurement:
    """Of a model that is right where the prompt lacks a word for each row, by its number."""

    def log_prob(text: str) -> float:
        prompt, _, question = text.rpartition("Mail ")
        number = int(question.partition(".")[0])
        is_right = prompt.count(disturbing) <= number % 4
        return -0.1 if question.endswith(LABELS[number % 2]) == is_right else -3.0

    task, split = mail_task(30), Split(train=TRAIN, validation=(), test=TEST, pool=POOL)
    scorer = scorer_of(ScriptedEngine(log_prob=log_prob), task, ScoringSettings())
    return instruction_problem(scorer, task, split, searching()).measurement


@pytest.mark.parametrize(("rounds", "removed"), [(1, 1), (3, 3)])
def test_what_disturbs_is_pruned_as_far_as_train_shows_it(rounds: int, removed: int) -> None:
    found = measured(measurement("Noise"), "Sort.", shots=4, most=99, rounds=rounds, seed=0)
    assert (found.sentences, found.removed) == (12, removed)
    assert found.pruned > found.drawn
    assert found.exchanged == found.drawn  # others are as noisy


def test_what_does_not_help_on_train_is_left() -> None:
    found = measured(measurement("unheard of"), "Sort.", shots=4, most=99, rounds=2, seed=0)
    assert (found.removed, found.drawn, found.pruned) == (0, 1.0, 1.0)
    rows = [replace(found, seed=seed, pruned=pruned) for seed, pruned in enumerate((0.5, 1.0))]
    told = json.loads(json.dumps(summary(rows)))
    assert told["pruned"] == -0.25
    assert told["pruned_error"] == pytest.approx(0.25)
