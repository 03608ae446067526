"""Numbers, compared by value: signs, thousands, currency, fractions, decimals, exponents and words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import median
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import DecimalSign, Metric
from opro_local.errors import SettingsError
from opro_local.reading.numbers import SIGNS, number_value
from opro_local.reading.official import OfficialGrader, as_number, right_number
from opro_local.reading.replies import Grader, answer_span
from opro_local.reading.stated_number import stated_numbers
from opro_local.records import Example, LabelledRow, Reason
from opro_local.wording import counted, listed

UNIT = re.compile(r"(?<=\d)\s*[A-Za-z%$\u20ac\u00a3\u00b0]+\Z")
WITH_UNIT = re.compile(r"(?<=\d)(?:\s+[A-Za-z\u00b0]+\.?|[A-Za-z]{2,})\Z")
ERRORS: Sequence[Metric] = ("mae", "median_error", "r2")
JSON_FORM = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"
"""A number of JSON, of as many digits as a float keeps."""
_read_once = lru_cache(maxsize=65_536)(number_value)
"""The same targets and answers are looked at for every metric, interval and comparison."""
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
    """The number that a reply states; decimal is the sign that its decimals stand behind.

    tolerance is how far off it may be and be right, itself included: a size, or per cent of the right one.
    """

    uses = ("decimal", "tolerance")
    metrics: ClassVar[Sequence[Metric]] = ("accuracy", *ERRORS)

    @property
    def reading(self) -> str:
        within = f"; right within {self.tolerance}" if self.tolerance else ""
        return f"the last number of its answer, compared by value{within}"

    @property
    def beside(self) -> Sequence[Metric]:
        """Where nothing but the right number counts, errors say nothing."""
        return ERRORS if self.tolerance or self.metric in ERRORS else ()

    @property
    def told(self) -> str:
        if self.tolerance is None:
            return ""
        return f"An answer is a number, and right within {self.tolerance} of the true one."

    @classmethod
    def decimal_of(cls, rows: Sequence[LabelledRow], given: DecimalSign | None) -> DecimalSign:
        """The sign with which all targets are numbers; the point where both will do or none."""
        fitting = [sign for sign in SIGNS if all(number_value(row.target, sign) is not None for row in rows)]
        return given or ("comma" if fitting == ["comma"] else "point")

    def notes(self, rows: Sequence[LabelledRow]) -> Iterator[str]:
        yield from self._tolerance_notes(rows)
        other = self._other
        unlike = [row.where for row in rows if number_value(row.target, other) != self._value(row.target)]
        either = all(number_value(row.target, other) is not None for row in rows)
        if self._decimal == "comma":
            yield "labels and replies are read with a decimal comma: 1.234,5 is a number, 1234.5 is none."
        elif unlike and either:
            yield (
                f"{counted(len(unlike), 'label')} with thousands commas or decimal ones ({listed(unlike)}): "
                "read as thousands. Pass --decimal comma if that is wrong."
            )

    def _tolerance_notes(self, rows: Sequence[LabelledRow]) -> Iterator[str]:
        if self.tolerance is None:
            return
        yield f"a number is right within {self.tolerance} of the label."
        zeros = [row.where for row in rows if self._value(row.target) == 0]
        if zeros and self.tolerance.endswith("%"):
            yield f"{counted(len(zeros), 'label')} of 0 ({listed(zeros)}): per cent of 0 leave no room there."

    def described(self, rows: Sequence[Example]) -> str:
        values = [float(self._value(row.target) or 0) for row in rows]
        return f"numbers from {min(values):.10g} to {max(values):.10g}, median {median(values):.10g}"

    def fault(self, row: LabelledRow, *, published: bool) -> str | None:
        if self._value(row.target) is not None:
            return None
        if number_value(row.target, self._other) is not None:
            return f"the label is a number with a decimal {self._other} only. Correct it or change --decimal."
        if self._value(WITH_UNIT.sub("", row.target.strip())) is not None:
            return "the label is a number with a unit. Keep the number alone, and name the unit in the text."
        return "the label is not a number. Correct it or set answer to label or text."

    def json_form(self, _longest: int) -> str:
        return JSON_FORM

    def to_json(self, text: str) -> object:
        number = self._value(text)
        return text if number is None else int(number) if number.denominator == 1 else float(number)

    def of_json(self, value: object) -> str:
        """A number of JSON has a point; what a text says is as any text."""
        text = super().of_json(value)
        return text.replace(".", ",") if self._decimal == "comma" and not isinstance(value, str) else text

    @property
    def wanted(self) -> str:
        return "a number"

    @property
    def instructions(self) -> Sequence[str]:
        return INSTRUCTIONS

    def forbidden(self, instruction: str) -> Reason | None:
        return "contains a digit" if any(map(str.isdigit, instruction)) else None

    def official(self) -> Grader:
        if self.tolerance is not None:
            raise SettingsError("published grading knows no tolerance: leave it out or use --grading strict.")
        return OfficialGrader(parse=as_number, right=right_number)

    def answers(self, text: str, question: str) -> Sequence[str]:
        span = answer_span(text)
        found = stated_numbers(span, question, self._decimal, marked=span != text)
        return [number.text for number in found]

    def is_answer(self, text: str, question: str) -> bool:
        """A unit of one word may follow."""
        answer = answer_span(text).strip(" \t\r\n:.=")
        return self._value(answer) is not None or self._value(UNIT.sub("", answer)) is not None

    def awaits_end(self, text: str) -> bool:
        """The last number of a calculation is behind all others."""
        return answer_span(text) == text

    def value(self, text: str) -> float | None:
        found = self._value(text)
        return None if found is None else float(found)

    def worth(self, answer: str, example: Example) -> float:
        said, right = self._value(answer), self._value(example.target)
        return float(said is not None and right is not None and abs(said - right) <= self._room(right))

    def _room(self, right: Fraction) -> Fraction:
        """How far off a number may be."""
        size, percent, _ = (self.tolerance or "0").partition("%")
        return Fraction(size.strip()) * (abs(right) / 100 if percent else 1)

    @property
    def _decimal(self) -> DecimalSign:
        return self.decimal or "point"

    @property
    def _other(self) -> DecimalSign:
        return "point" if self._decimal == "comma" else "comma"

    def _value(self, text: str) -> Fraction | None:
        return _read_once(text, self._decimal)
