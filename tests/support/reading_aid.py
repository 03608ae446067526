"""What the tests of all graders share: a form of answer, and one reply graded by it."""

from dataclasses import dataclass

from opro_local.answers import Grader, grader_for
from opro_local.answers.reading import Graded
from opro_local.config import AnswerType, Grading
from opro_local.records import Example
from opro_local.user_code import UserFunction


@dataclass(frozen=True, kw_only=True)
class Form:
    """opro_local.answers.AnswerForm."""

    answer: AnswerType
    labels: tuple[str, ...] = ()
    pattern: str | None = None
    grader: UserFunction | None = None


STAGES = Form(answer="label", labels=("pre-seed", "seed", "Series A", "fintech"))
LETTERS = Form(answer="label", labels=("A", "B", "C", "D", "E"))
VALIDITY = Form(answer="boolean", labels=("valid", "invalid"))
POLARITY = Form(answer="boolean", labels=("yes", "no"))
TRUTH = Form(answer="boolean", labels=("True", "False"))
CHOICE = Form(answer="choice")
NUMBER = Form(answer="number")
TEXT = Form(answer="text")
CODES = Form(answer="regex", pattern=r"\b[A-Z]{3}-\d+\b")

FRUIT = "Which one is a citrus fruit?\nOptions:\n(A) an apple\n(B) an orange\n(C) a pear"


def example(target: str, question: str = "what?") -> Example:
    return Example(id="1", text=question, target=target)


def graded(
    form: Form, reply: str, target: str = "-", *, question: str = "what?", grading: Grading = "strict"
) -> Graded:
    return grader_for(form, grading).grade(reply, example(target, question))


def said(form: Form, reply: str, *, question: str = "what?") -> str | None:
    """The prediction, or the reason why there is none."""
    found = graded(form, reply, question=question)
    return found.prediction or found.reason


def strict(form: Form) -> Grader:
    return grader_for(form)
