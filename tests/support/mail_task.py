"""A small task and a model that solves it as well as its instruction says: for runs worked out by hand.

Row i reads "Mail i." and is of the kind LABELS[i % 2]. With an instruction of skill k the model answers
right on the rows whose number is below k, and for the other label on the rest.
"""

import math
import re
from collections.abc import Callable, Mapping

from opro_local.config import SplitSettings
from opro_local.records import Example
from opro_local.tasks.task import Task

LABELS = ("fintech", "seed")
SURE = 0.8
"""The probability that the model gives the label that it is for."""


def row(number: int) -> Example:
    return Example(id=f"r{number}", text=f"Mail {number}.", target=LABELS[number % 2])


def mail_task(rows: int = 20) -> Task:
    return Task(
        name="mails",
        examples=tuple(map(row, range(rows))),
        answer="label",
        labels=LABELS,
        description="Sort the mails.",
        position="Q_begin",
        qa=None,
        metric="accuracy",
        split=SplitSettings(),
    )


def mail_model(skills: Mapping[str, int], *, otherwise: int | None = None) -> Callable[[str], float]:
    """The log_prob of a ScriptedEngine; skills holds all instructions that may be asked, if not otherwise."""

    def log_prob(text: str) -> float:
        question, answer = text.rsplit("\n[assistant] ", 1)
        asked = re.fullmatch(r"(?:(.*)\n)?Mail (\d+)\.", question.rsplit("[user] ", 1)[1], re.DOTALL)
        assert asked is not None, f"not a question of this task: {question!r}"
        number = int(asked[2])
        instruction = asked[1] or ""
        knows = number < (skills[instruction] if otherwise is None else skills.get(instruction, otherwise))
        favoured = LABELS[number % 2 if knows else 1 - number % 2]
        return math.log(SURE if answer == favoured else 1 - SURE)

    return log_prob
