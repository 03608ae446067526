"""What candidates answered, as their scores count it; a run file holds the outcomes before calibration.

Apart from export.py because scikit-learn takes a second to import, which a list of runs can do without.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

import apsw

from opro_local.records import Answer, Candidate, Outcome
from opro_local.scoring.marking import Marking
from opro_local.scoring.render import Layout
from opro_local.store.header import RunHeader
from opro_local.store.rows import OUTCOME_COLUMNS, outcome_from_row, read, read_evaluations
from opro_local.tasks.task import task_from_json


def all_answers(database: apsw.Connection, header: RunHeader) -> list[dict[str, object]]:
    """Every example of every candidate, with the turns that the scorer was shown.

    A candidate that the run was cut off at before it
    had a calibration has its outcomes as they are.
    """
    prompt, as_scored = _prompts(database, header), _as_scored(database, header)
    query = (
        f"SELECT key, split, {OUTCOME_COLUMNS} FROM outcome "
        "JOIN candidate ON candidate.id = outcome.candidate ORDER BY candidate.id, split, example_id"
    )
    return [
        {
            "key": key,
            "split": split,
            "prompt": prompt(key, str(row[0])),
            **_exported(as_scored(key, outcome_from_row(tuple(row)))),
        }
        for key, split, *row in read(database, query)
    ]


def _exported(answer: Answer) -> dict[str, object]:
    return {**asdict(answer), "correct": answer.correct}


def confusion_of(
    database: apsw.Connection, header: RunHeader, *, key: str, split: str
) -> dict[str, object] | None:
    """Counts by target (rows) and prediction (columns), the last column for no answer.

    None for a task without labels, and where nothing is recorded.
    """
    labels, as_scored = _labels(header), _as_scored(database, header)
    query = (
        f"SELECT {OUTCOME_COLUMNS} FROM outcome JOIN candidate ON candidate.id = outcome.candidate "
        "WHERE key = ? AND split = ?"
    )
    answers = [as_scored(key, outcome_from_row(row)) for row in read(database, query, (key, split))]
    if not labels or not answers:
        return None
    return {"labels": labels, "rows": Marking(labels=tuple(labels)).confusion(answers)}


def _as_scored(database: apsw.Connection, header: RunHeader) -> Callable[[str, Outcome], Answer]:
    """(candidate key, outcome) -> the outcome under the calibration that the candidate was scored with."""
    marking = Marking(labels=tuple(_labels(header)))
    # What was fitted last, on most rows, counts: a race may have dropped what a rival found again.
    texts = (
        read(database, "SELECT solution FROM scored ORDER BY dropped DESC") if header.kind == "task" else []
    )
    evaluated = [e.candidate for e in read_evaluations(database) if e.role != "headroom"]
    first = [e.candidate for e in read_evaluations(database) if e.role == "headroom"]
    fitted = [*first, *(Candidate.from_json(text) for (text,) in texts), *evaluated]
    biases = {candidate.key: candidate.calibration for candidate in fitted}
    return lambda key, outcome: marking.answers([outcome], biases.get(key, ()))[0]


def _labels(header: RunHeader) -> list[str]:
    return cast("list[str]", header.summary.get("labels", []))


def _prompts(database: apsw.Connection, header: RunHeader) -> Callable[[str, str], dict[str, object] | None]:
    """(candidate key, example id) -> the prompt, rendered again from what the file holds.

    None for the outcomes of a baseline that the run was cut off at: only its key is recorded then.
    """
    layout = Layout(**cast("dict[str, Any]", header.summary["layout"]))
    texts = {example.id: example.text for example in task_from_json(header.problem_json).rows}
    solutions = read(database, "SELECT solution FROM proposal WHERE solution IS NOT NULL")
    candidates = [Candidate.from_json(solution) for (solution,) in solutions]
    candidates += [evaluation.candidate for evaluation in read_evaluations(database)]
    by_key = {candidate.key: candidate for candidate in candidates}

    def prompt(key: str, example_id: str) -> dict[str, object] | None:
        return asdict(layout.prompt(by_key[key], texts[example_id])) if key in by_key else None

    return prompt
