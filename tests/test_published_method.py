"""Whole runs beside opro_reference.py: what every step shows, accepts and rejects, and when the run ends."""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import opro_reference as reference
import pytest
from mail_task import mail_model, mail_task
from memory_store import MemoryStore
from resolved import searching
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.config import BudgetSettings, Folders, RunSettings
from opro_local.loop import optimize
from opro_local.optimizer import Optimizer
from opro_local.problem import NullWatcher
from opro_local.problems.mathematical import MathematicalProblem
from opro_local.problems.objective import Numbers, Objective
from opro_local.problems.objectives.linear_regression import LinearRegression
from opro_local.problems.objectives.tsp import Tsp
from opro_local.proposers.retrying import RetryingOptimizer
from opro_local.records import Step
from opro_local.results.document import run_document
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host

PAIR = re.compile(r"input: \[w=(-?\d+), b=(-?\d+)\]\nvalue: (\d+)")
TOUR = re.compile(r"<trace>([\d,]+)</trace>\nlength: (\d+)")


def solved(
    objective: Objective, replies: Sequence[Sequence[Sequence[str]]], count: int, shown: int
) -> MemoryStore[Numbers]:
    engine = ScriptedEngine(samples=[texts for calls in replies for texts in calls], context_length=100_000)
    search = searching(shown=shown, proposals_per_step=count)
    problem = MathematicalProblem(objective=objective, search=search, watcher=NullWatcher())
    store = MemoryStore[Numbers](direction="minimize")
    optimize(
        problem,
        RetryingOptimizer(
            optimizer=Optimizer(engine, problem, search, len(replies)), tries=objective.tries()
        ),
        proposals_per_step=count,
        budget=BudgetSettings(steps=len(replies)),
        store=store,
        watcher=NullWatcher(),
    )
    return store


def check(steps: Sequence[Step[Numbers]], turns: Sequence[reference.Turn], shown: list[Any]) -> None:
    assert len(steps) == len(turns)
    for step, turn, seen in zip(steps, turns, shown, strict=True):
        assert seen == turn.shown, step.number
        assert list(step.solutions) == turn.accepted, step.number
        assert [p.reason for p in step.proposals if p.reason] == turn.reasons, step.number


def pair_replies(draw: random.Random) -> str:
    w, b = draw.randint(10, 20), draw.randint(8, 20)
    forms = (
        *(f"w={w}, b={b}]", f"{w}, {b}]", f"{w}.4, {b}.4] because", f"w = {w}, b = {b}\n\nvalue: 0"),
        *("15, b]", "w=1, b=2, c=3]", "I do not know.", f"[{w}, {b}]"),
    )
    return draw.choice(forms)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_linear_regression_does_at_every_step_what_the_reference_does(seed: int) -> None:
    draw = random.Random(seed)
    replies = [[[pair_replies(draw) for _ in range(8)]] for _ in range(20)]
    x = np.arange(1, 51)
    np.random.seed(seed)
    y = 15 * x + 14 + np.random.randn(50)
    np.random.seed(10 * seed)
    ws = np.random.uniform(10, 20, 5).round()
    np.random.seed(100 * seed)
    bs = np.random.uniform(10, 20, 5).round()
    starts = list(dict.fromkeys((int(w), int(b)) for w, b in zip(ws, bs, strict=True)))
    rules = reference.Rules(
        score=lambda pair: float(sum((y - pair[0] * x - pair[1]) ** 2)),
        read=reference.read_pair,
        display=lambda value: f"{value:.0f}",
        solved=lambda pair: pair == (15, 14),
        shown=6,
    )
    turns = reference.replay(starts, replies, rules)
    store = solved(LinearRegression(data_seed=seed), replies, 8, 6)
    steps = store.steps[1:]
    assert list(store.steps[0].solutions) == starts
    shown = [[((int(w), int(b)), v) for w, b, v in PAIR.findall(step.calls[0].meta_prompt)] for step in steps]
    check(steps, turns, shown)
    assert any(turn.reasons for turn in turns)
    hit = any(pair == (15, 14) for turn in turns for pair in turn.accepted)
    assert store.stop == ("solved" if hit else "budget of 20 steps used")


def tour_calls(draw: random.Random, points: int, count: int) -> Iterator[list[str]]:
    """The calls of a step: while tours are missing, at most four."""
    rest = list(range(1, points))
    missing = count
    for _ in range(4):
        texts = []
        for _ in range(missing):
            draw.shuffle(rest)
            tour = ",".join(map(str, [0, *rest]))
            wrong = ("0,1,2</trace>", f"{tour[:-1]}0</trace>", "0;1</trace>", f"{tour[2:]},0</trace>")
            texts.append(draw.choice([f"{tour}</trace>", f"{tour.replace(',', ', ')}</trace>", *wrong]))
        yield texts
        missing -= sum(isinstance(reference.read_tour(points)(text)[0], int) for text in texts)
        if not missing:
            return


@pytest.mark.parametrize("seed", [1, 2])
def test_the_travelling_salesman_does_at_every_step_what_the_reference_does(seed: int) -> None:
    draw, points = random.Random(seed), 12
    objective = Tsp(nodes=points, data_seed=seed)
    replies = [list(tour_calls(draw, points, 3)) for _ in range(20)]
    place = objective.points

    def length(tour: tuple[int, ...]) -> float:
        ends = zip(tour, (*tour[1:], tour[0]), strict=True)
        return sum(float(np.linalg.norm(place[a] - place[b])) for a, b in ends)

    rules = reference.Rules(
        score=length, read=reference.read_tour(points), display=lambda value: f"{value:.0f}", shown=5
    )
    store = solved(objective, replies, 3, 5)
    turns = reference.replay(list(store.steps[0].solutions), replies, rules)
    steps = store.steps[1:]
    shown = [
        [(tuple(map(int, t.split(","))), v) for t, v in TOUR.findall(s.calls[0].meta_prompt)] for s in steps
    ]
    check(steps, turns, shown)
    assert any(len(calls) > 1 for calls in replies)


SKILLS = {f"Rule {chr(97 + i)}.": (7 * i) % 20 for i in range(26)} | {"": 6, "Bare.": 9}
TASK_SHOWN = re.compile(r"text: <INS>(.*?)</INS>\nscore: (\d+)", re.DOTALL)


def instruction_reply(draw: random.Random) -> str:
    rule = draw.choice(list(SKILLS)[:26])
    forms = (
        *(f"{rule}</INS>", f"**{rule}**</INS>", f'"{rule}"</INS> score: 99', f"{rule}\n\nBecause it works."),
        *(rule.upper() + "</INS>", rule.lower() + "</INS>", "</INS>", "I cannot do that.</INS>"),
        *("<TEXT>" + rule + "</INS>", "x" * 501 + "</INS>"),
    )
    return draw.choice(forms)


def test_a_task_run_of_20_steps_does_what_the_reference_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(5)
    replies = [[[instruction_reply(draw) for _ in range(3)]] for _ in range(20)]
    skills = SKILLS | {text.upper(): skill for text, skill in SKILLS.items() if text}
    engine = ScriptedEngine(
        log_prob=mail_model(skills, otherwise=5), samples=[texts for calls in replies for texts in calls]
    )
    play_roles(monkeypatch, engine)
    settings: dict[str, Any] = {
        "models": {"scorer": "scripted"},
        "search": {
            "method": "opro",
            "starts": ["", "Bare."],
            "proposals_per_step": 3,
            "shown": 6,
            "headroom": 0,
            "sensitivity": 0,
        },
        "scoring": {"calibration": "none"},
        "budget": {"steps": 20},
    }
    path = optimize_task(
        mail_task(), RunSettings.model_validate(settings), host=Host(folders=Folders.of_user(tmp_path))
    )
    document = run_document(path)
    train = document["task"]["row_ids"]["train"]
    numbers = [int(row[1:]) for row in train]
    rules = reference.Rules(
        score=lambda text: sum(n < skills.get(text, 5) for n in numbers) / len(numbers),
        read=reference.read_instruction,
        display=lambda value: str(round(100 * value)),
        same=reference.same_words,
        minimize=False,
        shown=6,
    )
    turns = reference.replay(["", "Bare."], replies, rules)
    steps = document["steps"][1:]
    assert len(steps) == len(turns) == 20
    for number, (step, turn) in enumerate(zip(steps, turns, strict=True), start=1):
        assert TASK_SHOWN.findall(step["meta_prompt"]) == turn.shown, number
        accepted = [p["solution"]["instruction"] for p in step["proposals"] if p["solution"]]
        assert accepted == turn.accepted, number
        assert [p["reason"] for p in step["proposals"] if p["reason"]] == turn.reasons, number
        assert step["exemplar_ids"] == reference.exemplar_ids(train, 3, 0, number)
    reasons = {reason for turn in turns for reason in turn.reasons}
    assert reasons == {"duplicate", "empty", "refusal", "contains a tag", "too long"}
