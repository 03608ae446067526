"""Numbers, compared by value: signs, commas, currency, fractions, decimals, scale words and number words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.reading.normalisation import match_value, number_value, numbers_in
from opro_local.reading.official import OfficialGrader, as_number, right_number
from opro_local.reading.replies import BOXED, MARKER, SENTENCE_END, Grader, answer_span
from opro_local.records import Example, LabelledRow, Reason

OR = re.compile(r"\W*(?:\w+ )?or\W+", re.IGNORECASE)
"""What stands between two numbers of which the reply does not say which one it means."""


INSTRUCTIONS = (
    "Solve the problem. End with the answer as a number.",
    "Calculate.",
    "What is the number that is asked for?",
    "Give the final number and nothing else.",
    "Work through the problem one step at a time, then state the result.",
    "You are a careful accountant. Check every sum before you give the result.",
    "Write down what is known and what is asked, then do the calculation.",
    "Turn the problem into an equation and solve it.",
    "Read the problem twice. Then compute the result.",
    "Estimate the answer first, compute it exactly, and compare the two.",
    "Break the problem into smaller ones, solve each, and put the results together.",
)


@dataclass(frozen=True, kw_only=True)
class Number(AnswerKind):
    """The last number of the answer.

    Behind a marker it is the last one of the first sentence that has any: what follows is chatter.
    """

    metrics: ClassVar[Sequence[Metric]] = ("accuracy", "mae")
    reading = "the last number of its answer, compared by value"

    def fault(self, row: LabelledRow, *, published: bool) -> str | None:
        if number_value(row.target) is None:
            return "the label is not a number. Correct it or set answer to label or text."
        return None

    @property
    def instructions(self) -> Sequence[str]:
        return INSTRUCTIONS

    def forbidden(self, instruction: str) -> Reason | None:
        return "contains a digit" if any(map(str.isdigit, instruction)) else None

    def official(self) -> Grader:
        return OfficialGrader(parse=as_number, right=right_number)

    def answers(self, text: str, question: str) -> Sequence[str]:
        span = answer_span(text)
        sentences = [span] if span == text else SENTENCE_END.split(span)
        numbers = next((found for sentence in sentences if (found := list(numbers_in(sentence)))), [])
        if not numbers or match_value(numbers[-1]) is None:
            return []
        between = numbers[-1].string[numbers[-2].end() : numbers[-1].start()] if len(numbers) > 1 else ""
        chosen = numbers[-2:] if OR.fullmatch(between) else numbers[-1:]
        return list({match_value(number): number.group().strip() for number in chosen}.values())

    def is_answer(self, text: str, question: str) -> bool:
        """An unmarked number may be the first of a calculation."""
        return _is_marked(text) and number_value(answer_span(text).strip(" \t\r\n:.=")) is not None

    def awaits_end(self, text: str) -> bool:
        """The last number of a calculation is behind all others."""
        return not _is_marked(text)

    def worth(self, answer: str, example: Example) -> float:
        return float(number_value(answer) == number_value(example.target))


def _is_marked(text: str) -> bool:
    return MARKER.search(text) is not None or BOXED.search(text) is not None
