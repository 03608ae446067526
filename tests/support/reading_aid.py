"""What the tests of all graders share: a form of answer, and one reply graded by it."""

from opro_local.answers import AnswerKind, grader_of
from opro_local.answers.boolean import Boolean
from opro_local.answers.choice import Choice
from opro_local.answers.label import Label
from opro_local.answers.number import Number
from opro_local.answers.regex import Regex
from opro_local.answers.text import Text
from opro_local.config import Grading
from opro_local.reading.replies import Graded, Grader
from opro_local.records import Example

STAGES = Label(labels=("pre-seed", "seed", "Series A", "fintech"))
LETTERS = Label(labels=("A", "B", "C", "D", "E"))
VALIDITY = Boolean(labels=("valid", "invalid"))
POLARITY = Boolean(labels=("yes", "no"))
TRUTH = Boolean(labels=("True", "False"))
CHOICE = Choice()
NUMBER = Number()
TEXT = Text()
CODES = Regex(pattern=r"\b[A-Z]{3}-\d+\b")

FRUIT = "Which one is a citrus fruit?\nOptions:\n(A) an apple\n(B) an orange\n(C) a pear"


def example(target: str, question: str = "what?") -> Example:
    return Example(id="1", text=question, target=target)


def graded(
    form: AnswerKind, reply: str, target: str = "-", *, question: str = "what?", grading: Grading = "strict"
) -> Graded:
    return grader_of(form, grading).grade(reply, example(target, question))


def said(form: AnswerKind, reply: str, *, question: str = "what?") -> str | None:
    """The prediction, or the reason why there is none."""
    found = graded(form, reply, question=question)
    return found.prediction or found.reason


def strict(form: AnswerKind) -> Grader:
    return grader_of(form)
