"""The peers of the bench of optimizers: what their child is asked, and what its answer is made into."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.cells import Cell, CellName, marks
from bench.children import Child, child_process
from opro_local.engine.profile import profile_folder
from opro_local.problems.instruction import default_starts
from opro_local.records import Example
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task

CHILD = Path(__file__).with_name("peer_child.py")


@contextmanager
def searching_peers(python: Path, scorer: Path, optimizer: Path) -> Iterator[Child]:
    """A child with the models of these folders loaded in the dtype of ours. Raises ModelError."""
    environment = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(CHILD.parents[1])}
    with child_process("peers'", python, CHILD, environment) as child:
        child.ask({"scorer": _model(scorer), "optimizer": _model(optimizer)})
        yield child


def _model(folder: Path) -> dict[str, object]:
    dtype = str(profile_folder(folder, quantize="auto", device="auto").dtype).removeprefix("torch.")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    chat = bool(config.get("chat_template")) or (folder / "chat_template.jinja").is_file()
    return {"folder": str(folder), "dtype": dtype, "chat": chat}


def question_for(name: CellName, task: Task, split: Split, tokens: int) -> dict[str, object]:
    """One search for the child."""

    def pairs(rows: Sequence[Example]) -> list[list[str]]:
        return [[row.text, row.target] for row in rows]

    return {
        "method": name.method,
        "seed": name.seed,
        "description": task.description or f"Find the label of a text: {', '.join(task.labels)}.",
        "labels": list(task.labels),
        "starts": [start or "Answer:" for start in default_starts(task)],
        "tokens": tokens,
        "scored": pairs(split.train),
        "train": pairs([*split.train, *split.pool]),
        "validation": pairs(split.validation),
        "test": pairs(split.test),
    }


def cell_of_answer(name: CellName, answer: dict[str, Any], test: Sequence[Example]) -> Cell:
    """What a peer found; no answer is a wrong one."""

    def right(answers: Sequence[str | None]) -> str:
        return marks([given == row.target for given, row in zip(answers, test, strict=True)])

    return Cell(
        name=name,
        right=right(answer["answers"]),
        start_right=right(answer["start_answers"]),
        validation=answer["validation"],
        scorer_tokens=answer["scorer_tokens"],
        asked_tokens=answer["scorer_tokens"],
        optimizer_tokens=answer["optimizer_tokens"],
        pairs=answer["pairs"],
        seconds=answer["seconds"],
        instruction=answer["prompt"],
        shots=answer["shots"],
        stopped=answer["stopped"],
    )
