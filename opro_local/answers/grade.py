"""One of several grades in order: a near miss is a smaller mistake than a far one."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

from opro_local.answers.label import Label
from opro_local.answers.number import Number
from opro_local.config import Metric
from opro_local.errors import DataError
from opro_local.reading.numbers import number_value
from opro_local.records import Example, LabelledRow, Outcome
from opro_local.wording import listed, quoted

MEAN = 1.0
"""The rule that takes the grade nearest to the mean, weighed by probability; without it the likeliest is."""
HEADING = re.compile(
    r"\A\W*(?:(?:the|my|final)\s+)*(?:grade|score|rating)\s*(?:is|of)?[\s:=]*(?=\S)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Grade(Label):
    """labels go from one end to the other, a step apart each; grades that are numbers are read as numbers."""

    targets_are_names = False
    reading = "the one grade that it names; of numbers the number that it states"
    metrics: ClassVar[Sequence[Metric]] = (
        *("weighted_kappa", "mae", "accuracy", "off_by_one"),
        *("balanced_accuracy", "macro_f1", "log_loss", "brier"),
    )

    @classmethod
    def labels_of(cls, rows: Sequence[LabelledRow], given: Sequence[str]) -> tuple[str, ...]:
        """The grades in order: as they are given, else by size, if all are numbers."""
        labels = super().labels_of(rows, given)
        if given:
            return labels
        sign = Number.decimal_of(rows, None)
        values = {label: number_value(label, sign) for label in labels}
        sizes = [value for value in values.values() if value is not None]
        if len(sizes) < len(labels):
            words = listed([quoted(label) for label, value in values.items() if value is None])
            raise DataError(
                f"the order of the grades {words} is not in the table: give all labels, lowest first "
                "(--labels for each)."
            )
        if len(set(sizes)) < len(sizes):
            raise DataError("two labels are the same grade, such as 1 and 1.0: write each in one way.")
        return tuple(sorted(labels, key=lambda label: values[label] or 0))

    def notes(self, rows: Sequence[LabelledRow]) -> Iterator[str]:
        yield f"grades in their order: {', '.join(self.labels)}. Pass --labels for each if it is another."
        unseen = self._between() - {row.target for row in rows}
        if unseen:
            yield (
                f"no row has the grade {listed(sorted(unseen, key=int))}, and it counts as no step: "
                "pass --labels for all grades if it is one."
            )

    def constants(self, targets: Sequence[str]) -> Sequence[str]:
        """All grades: one between the most common ones may be nearer to all."""
        often = Counter(targets)
        return sorted(self.labels, key=lambda label: -often[label])

    @property
    def beside(self) -> Sequence[Metric]:
        return ("weighted_kappa", "mae", "off_by_one")

    @property
    def told(self) -> str:
        return f"An answer is a grade, from the lowest to the highest: {', '.join(self.labels)}."

    @property
    def instructions(self) -> Sequence[str]:
        low, high, named = self.labels[0], self.labels[-1], ", ".join(self.labels)
        return [
            f"Which grade is this, from {low} to {high}: {named}?",
            "Grade the text.",
            f"Give the text one of the grades {named}.",
            f"How would you grade this? {low} is the lowest grade and {high} the highest.",
            f"Answer with one of these grades and nothing else: {named}.",
            f"Place the text on a scale that goes from {low} to {high}: {named}.",
            f"Compare the text with the two ends of the scale, {low} and {high}, then decide on a grade.",
            f"You are an experienced examiner. Grade fairly, and use the whole scale: {named}.",
            f"Weigh what speaks for a high grade and what for a low one. The grades: {named}.",
            "Go with your first impression of the grade.",
            "Read every word of the text before you grade it.",
        ]

    def predicted(self, log_probs: Sequence[float], rule: Sequence[float] = ()) -> str:
        """By MEAN the nearest grade, of two as near the higher one."""
        if MEAN not in rule:
            return super().predicted(log_probs)
        highest = max(log_probs)
        weights = [math.exp(value - highest) for value in log_probs]
        mean = sum(place * weight for place, weight in enumerate(weights)) / sum(weights)
        return self.labels[math.floor(mean + 0.5)]

    def calibrations(
        self, _outcomes: Sequence[Outcome], biases: tuple[float, ...]
    ) -> Sequence[tuple[float, ...]]:
        return (biases, (*(biases or [0.0] * len(self.labels)), MEAN))

    def decision(self, rule: Sequence[float], of_each: str) -> str:
        if MEAN not in rule:
            return super().decision(rule, of_each)
        return (
            "the grade nearest to the mean of all grades, a step apart each, weighed by their probabilities "
            f"(softmax of each one's {of_each} summed over its tokens)"
        )

    def code(self, rule: Sequence[float]) -> str:
        if MEAN not in rule:
            return super().code(rule)
        mean = "torch.tensor(scores).double().softmax(0) @ torch.arange(len(scores)).double()"
        return f"LABELS[int({mean} + 0.5)]"

    def answers(self, text: str, question: str) -> Sequence[str]:
        if not self._by_value:
            return super().answers(text, question)
        said = self._number.answers(HEADING.sub("Answer: ", self._without_scale(text)), question)
        grades = [self._grade(each) or each for each in said]
        return grades if len(grades) > 1 else [each for each in grades if each in self.labels]

    def is_answer(self, text: str, question: str) -> bool:
        if not self._by_value:
            return super().is_answer(text, question)
        bare = self._without_scale(text)
        return self._number.is_answer(bare, question) and len(self.answers(text, question)) == 1

    def awaits_end(self, text: str) -> bool:
        return bool(self._by_value) and self._number.awaits_end(text)

    def value(self, text: str) -> float | None:
        """Its place on the scale: errors are in grades."""
        return float(self.labels.index(text)) if text in self.labels else None

    def worth(self, answer: str, example: Example) -> float:
        """What the agreement is that a quadratic kappa counts."""
        said, right = self.value(answer), self.value(example.target)
        return 0.0 if said is None or right is None else 1 - ((said - right) / (len(self.labels) - 1)) ** 2

    @property
    def _number(self) -> Number:
        return Number()

    @cached_property
    def _by_value(self) -> Mapping[Fraction | None, str]:
        """Empty where some grades are no numbers."""
        values = {number_value(label): label for label in self.labels}
        return {} if None in values else values

    def _grade(self, text: str) -> str | None:
        return self._by_value.get(number_value(text))

    def _without_scale(self, text: str) -> str:
        """Without what says how long the scale is."""
        return self._scale.sub("", text)

    @cached_property
    def _scale(self) -> re.Pattern[str]:
        low, high = re.escape(self.labels[0]), re.escape(self.labels[-1])
        return re.compile(
            rf"(?<=\d)\s*(?:/|out\s+of)\s*{high}(?![\w.,]\d|\w)"
            rf"|\s*\(?\bon\s+(?:a|the)\s+scale\s+(?:of|from)\s+{low}\s*(?:to|-)\s*{high}\b\)?",
            re.IGNORECASE,
        )

    def _between(self) -> set[str]:
        """Whole numbers that lie between grades and are none."""
        if not all(re.fullmatch(r"-?\d+", label) for label in self.labels):
            return set()
        low, high = sorted((int(self.labels[0]), int(self.labels[-1])))
        return {str(each) for each in range(low, high)} - set(self.labels) if high - low < 100 else set()
