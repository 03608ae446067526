"""What a Python function of the user's makes of a reply.

It says True or False (right or not), a number from 0 to 1 (what the reply is worth), the prediction as text,
None (no answer), or one of these with a word of feedback. What goes wrong in it is an outcome with a reason,
never the end of a run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.errors import SettingsError
from opro_local.reading.normalisation import spaced
from opro_local.reading.replies import NO_ANSWER, Graded, Grader
from opro_local.records import Example
from opro_local.user_code import load_function

FAILED = Graded(reason="the grader failed")


@dataclass(frozen=True, kw_only=True)
class Python(AnswerKind):
    """Judged by grader, FILE.py:FUNCTION."""

    uses = ("grader",)
    needs = ("grader",)
    metrics: ClassVar[Sequence[Metric]] = ("mean_score", "accuracy")

    @property
    def reading(self) -> str:
        assert self.grader is not None
        return f"what the task's own Python function {self.grader.name} makes of it"

    def strict(self) -> Grader:
        assert self.grader is not None
        return FunctionGrader(load_function(self.grader))

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer python: use --grading strict.")


@dataclass(frozen=True, slots=True)
class FunctionGrader:
    """function: (reply, target) -> bool, float, str or None, or (one of these, feedback).

    Never final: what the function makes of a longer reply is not known.
    """

    function: Callable[[str, str], object]

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        try:
            said = self.function(reply, example.target)
        except (Exception, SystemExit):  # the user's code may raise anything
            return FAILED
        match said:
            case (verdict, str(feedback)):
                return replace(_graded(verdict, reply, example), feedback=feedback)
            case _:
                return _graded(said, reply, example)

    def is_final(self, text: str, question: str) -> bool:
        return False


def _graded(said: object, reply: str, example: Example) -> Graded:
    match said:
        case None:
            return NO_ANSWER
        case str(prediction):
            return Graded(prediction=prediction, score=float(spaced(prediction) == spaced(example.target)))
        case bool() | int() | float() if 0 <= said <= 1:
            return Graded(prediction=reply.strip(), score=float(said))
        case _:
            return FAILED
