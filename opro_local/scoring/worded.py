"""A task in the words of a verbalizer, for models that write: they say the words, and labels are counted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from opro_local.records import Candidate, Example, Outcome
from opro_local.scoring.render import wordings
from opro_local.tasks.task import Task


def in_words(task: Task, candidate: Candidate) -> tuple[Task, Candidate]:
    """The same prompts of a task whose labels are the candidate's words; replies are read as one of them."""
    if not candidate.verbalizer:
        return task, candidate
    words = wordings(candidate, task.kind.classes)
    spoken = replace(
        task,
        answer="label",
        labels=candidate.verbalizer,
        examples=_spoken(task.examples, words),
        test=_spoken(task.test, words),
    )
    return spoken, replace(candidate, shots=_spoken(candidate.shots, words), verbalizer=(), calibration=())


def in_labels(outcomes: Sequence[Outcome], task: Task, candidate: Candidate) -> list[Outcome]:
    """Outcomes of in_words in the labels of the task."""
    labels = {word: label for label, word in wordings(candidate, task.kind.classes).items()}
    if not candidate.verbalizer:
        return list(outcomes)
    return [
        replace(o, target=labels[o.target], prediction=o.prediction and labels[o.prediction])
        for o in outcomes
    ]


def _spoken(rows: Sequence[Example], words: Mapping[str, str]) -> tuple[Example, ...]:
    return tuple(replace(row, target=words[row.target]) for row in rows)
