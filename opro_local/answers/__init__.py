"""Graders: what a generated reply answers, or the reason why it answers nothing; one for each answer type."""

import re
from typing import Protocol

from opro_local.answers.choice import ChoiceReader
from opro_local.answers.function import FunctionGrader
from opro_local.answers.labels import boolean_reader, label_reader
from opro_local.answers.number import NumberReader
from opro_local.answers.official import OfficialGrader
from opro_local.answers.reading import Graded, Reader, StrictGrader
from opro_local.answers.text import PatternReader, TextReader
from opro_local.config import AnswerType, Grading
from opro_local.errors import SettingsError
from opro_local.records import Example
from opro_local.user_code import UserFunction, load_function


class AnswerForm(Protocol):
    """The part of a task that says what an answer is."""

    @property
    def answer(self) -> AnswerType: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def grader(self) -> UserFunction | None: ...


class Grader(Protocol):
    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        """What a reply comes to; cut says that it was ended by its limit."""
        ...

    def is_final(self, text: str, question: str) -> bool:
        """Whether no further text can change the grade, so that generation may stop."""
        ...


def grader_for(form: AnswerForm, grading: Grading = "strict") -> Grader:
    """The grader of an answer type. Raises SettingsError when there is none, or the user's does not load."""
    if grading == "official":
        if form.answer in ("regex", "python"):
            raise SettingsError(f"no grader was published for answer {form.answer}: use --grading strict.")
        return OfficialGrader(form.answer)
    if form.grader is not None:
        return FunctionGrader(load_function(form.grader))
    return StrictGrader(_reader(form))


def _reader(form: AnswerForm) -> Reader:
    if form.pattern is not None:
        return PatternReader(re.compile(form.pattern))
    if form.answer == "label":
        return label_reader(form.labels)
    if form.answer == "boolean":
        return boolean_reader(form.labels)
    if form.answer == "choice":
        return ChoiceReader()
    return NumberReader() if form.answer == "number" else TextReader()
