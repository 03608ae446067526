"""One step of run for every answer type in every mode, with a chat model and a pre-trained one.

As in test_score_matrix, only the weights are made up; those marked slow have the real ones.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import (
    REAL,
    ROWS,
    VALIDATION_ROWS,
    Commands,
    check_refused,
    check_score,
    document,
    metric_of,
    named,
    refusal_of,
    refused_cells,
    run_cells,
)
from covering import Cell

FEW_TOKENS = ("--answer-tokens", "4")
"""The real models would go on writing."""


def check_run(commands: Commands, cell: Cell, model: Path, *more: str) -> None:
    found = document(commands.run(cell, model, *more))
    assert (found["status"], found["stop_reason"]) == ("finished", "budget of 1 steps used")
    assert found["metric"] == metric_of(cell)
    assert [step["number"] for step in found["steps"]] == [0, 1]
    rows = found["task"]["rows"]
    assert sum(rows.values()) == len(ROWS[str(cell["answer"])])
    check_score(found["validation"], cell, rows=VALIDATION_ROWS)
    for score in (found["test"], *found["baselines"]):
        check_score(score, cell, rows=rows["test"])
    proposals = [proposal for step in found["steps"] for proposal in step["proposals"]]
    assert all((proposal["score"] is None) == (proposal["reason"] is not None) for proposal in proposals)
    assert found["usage"]["pairs"] > 0


@pytest.mark.parametrize("cell", run_cells(), ids=named)
def test_one_step_ends_with_a_winner(commands: Commands, cell: Cell) -> None:
    check_run(commands, cell, commands.model(str(cell["family"]), chat=bool(cell["chat"])))


@pytest.mark.slow
@pytest.mark.usefixtures("shared_real_engines")
@pytest.mark.parametrize(("answer", "chat"), [("label", True), ("number", True), ("number", False)])
def test_one_step_of_the_real_models_ends_with_a_winner(
    commands: Commands, answer: str, chat: bool, real_model: Callable[[str], Path]
) -> None:
    cell = next(c for c in run_cells() if (c["answer"], c["chat"]) == (answer, chat))
    cell |= {"second_round": False}  # which takes as long again; test_score_matrix has it
    check_run(commands, cell, real_model(REAL[chat]), *FEW_TOKENS)


@pytest.mark.parametrize("answer", ["boolean", "number", "regex"])
def test_what_has_no_meaning_is_refused_before_a_run_begins(commands: Commands, answer: str) -> None:
    for cell in refused_cells(answer)[::7]:
        message = refusal_of(cell)
        assert message is not None
        check_refused(commands.run(cell, commands.model("llama", chat=True)), message)
    assert not list(Path.cwd().rglob("2*.sqlite"))
