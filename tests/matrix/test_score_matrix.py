"""score with every pair of settings, every answer type and every architecture: a value or a stated refusal.

Tokenizers, templates and engines are real; the weights are tiny and random, but for those marked slow.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import (
    AXES,
    FAMILIES,
    FIRST,
    REAL,
    VALIDATION_ROWS,
    Commands,
    check_refused,
    check_score,
    document,
    each_answer_cells,
    meant_cells,
    metric_of,
    named,
    refusal_of,
    refused_cells,
    with_families,
)
from covering import Cell, pairs_of

SMALL = sorted(with_families(meant_cells()), key=lambda cell: (str(cell["family"]), bool(cell["chat"])))
ANSWERS = sorted(each_answer_cells(), key=lambda cell: bool(cell["chat"]))


def check_value(commands: Commands, cell: Cell, model: Path) -> None:
    found = document(commands.score(cell, model))
    assert (found["metric"], found["grading"]) == (metric_of(cell), cell["grading"])
    (score,) = found["scores"]
    assert (score["position"], len(score["shots"])) == (cell["position"], cell["shots"])
    assert (score["instruction"], score["split"]) == (cell["instruction"], "validation")
    assert score["prompt_tokens"] > 0
    check_score(score, cell, rows=VALIDATION_ROWS)


@pytest.mark.parametrize("cell", SMALL, ids=named)
def test_what_has_a_meaning_gives_a_value(commands: Commands, cell: Cell) -> None:
    check_value(commands, cell, commands.model(str(cell["family"]), chat=bool(cell["chat"])))


@pytest.mark.slow
@pytest.mark.usefixtures("shared_real_engines")
@pytest.mark.parametrize("cell", ANSWERS, ids=named)
def test_the_real_models_give_a_value(
    commands: Commands, cell: Cell, real_model: Callable[[str], Path]
) -> None:
    check_value(commands, cell, real_model(REAL[bool(cell["chat"])]))


@pytest.mark.parametrize("answer", AXES["answer"])
def test_what_has_none_is_refused_in_one_line(commands: Commands, answer: str) -> None:
    for cell in refused_cells(answer):
        message = refusal_of(cell)
        assert message is not None
        model = commands.model("llama", chat=True)
        check_refused(commands.score(cell, model), message)


def test_every_setting_and_every_architecture_is_tried_with_every_answer_type() -> None:
    tried = set().union(*map(pairs_of, SMALL))
    for name in ("position", "qa", "shots", "second_round", "instruction", "chat"):
        for value in AXES[name]:
            pairs = {frozenset({("answer", answer), (name, value)}) for answer in AXES["answer"]}
            assert pairs <= tried
    assert {(cell["answer"], cell["family"]) for cell in SMALL} >= {
        (answer, family) for answer in FIRST for family in FAMILIES
    }
