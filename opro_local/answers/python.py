"""What a Python function of the user's makes of a reply.

It says True or False, right or not; where the task's metric is mean_score also a number from 0 to 1, what
the reply is worth; or one of these with a word of feedback. Anything else, and an exception, ends the run at
once: a grader with a mistake in it would measure every prompt as 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.errors import SettingsError
from opro_local.reading.replies import Graded, Grader
from opro_local.records import Example
from opro_local.user_code import UserFunction, failure_of, load_function


@dataclass(frozen=True, kw_only=True)
class Python(AnswerKind):
    """Judged by grader, FILE.py:FUNCTION."""

    uses = ("grader",)
    needs = ("grader",)
    metrics: ClassVar[Sequence[Metric]] = ("accuracy", "mean_score")

    @property
    def reading(self) -> str:
        assert self.grader is not None
        return f"what the task's own Python function {self.grader.name} makes of it"

    def strict(self) -> Grader:
        assert self.grader is not None
        return FunctionGrader(
            named=self.grader, function=load_function(self.grader), scores=self.metric == "mean_score"
        )

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer python: use --grading strict.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionGrader:
    """function: (reply, target) -> bool, a number if scores, or (one of these, feedback).

    Never final: what the function makes of a longer reply is not known.
    """

    named: UserFunction
    function: Callable[..., object]
    scores: bool = False

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        """Raises SettingsError where the function fails or says nothing that counts."""
        try:
            said = self.function(reply, example.target)
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise SettingsError(f"row {example.id}: {failure_of(self.named, error)}") from error
        match said:
            case (verdict, str(feedback)):
                score = self._score(verdict, example)
                return Graded(prediction=reply.strip(), score=score, feedback=feedback.strip() or None)
            case _:
                return Graded(prediction=reply.strip(), score=self._score(said, example))

    def is_final(self, text: str, question: str) -> bool:
        return False

    def _score(self, said: object, example: Example) -> float:
        if isinstance(said, (bool, np.bool_)):
            return float(said)
        if self.scores and isinstance(said, Real) and said <= 1 and not said < 0:
            return float(said)
        told = f"{self._place()} returned {_shown(said)}. {self._wanted(said)}"
        raise SettingsError(f"row {example.id}: {told}")

    def _wanted(self, said: object) -> str:
        if self.scores:
            return "Return True, False or a number from 0 to 1."
        told = " To score replies from 0 to 1, pass --metric mean_score." if isinstance(said, Real) else ""
        return f"Return True or False.{told}"

    def _place(self) -> str:
        code = getattr(getattr(self.function, "__wrapped__", None), "__code__", None)
        line = f" line {code.co_firstlineno}" if code else ""
        return f"{self.named.file}{line}: {self.named.name}"


def _shown(said: object) -> str:
    """A number as it is; of anything else, which may hold text of a row, the type alone."""
    if said is None:
        return "None"
    return f"{said}" if isinstance(said, Real) else f"a value of type {type(said).__name__}"
