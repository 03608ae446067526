"""The user's own grader: a Python function of the reply and the target.

It says True or False (correct or not), the prediction as text, or None (no answer). What goes wrong in it is
an outcome with a reason, never the end of a run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from opro_local.answers.normalisation import spaced
from opro_local.answers.reading import NO_ANSWER, Graded
from opro_local.records import Example

FAILED = Graded(reason="the grader failed")


@dataclass(frozen=True, slots=True)
class FunctionGrader:
    """function: (reply, target) -> True or False, the prediction as text, or None for no answer.

    Never final: what the function makes of a longer reply is not known.
    """

    function: Callable[[str, str], object]

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        try:
            said = self.function(reply, example.target)
        except (Exception, SystemExit):  # the user's code may raise anything
            return FAILED
        if isinstance(said, bool):
            return Graded(prediction=reply.strip(), score=float(said))
        if isinstance(said, str):
            return Graded(prediction=said, score=float(spaced(said) == spaced(example.target)))
        return NO_ANSWER if said is None else FAILED

    def is_final(self, text: str, question: str) -> bool:
        return False
