"""Where a generated reply may end: rules that an engine asks of the text so far.

A rule is data: it can be compared, kept and sent to an engine in another process.
"""

from dataclasses import dataclass
from functools import cache

from opro_local.answers import AnswerKind, grader_of
from opro_local.config import Grading
from opro_local.reading.replies import Grader
from opro_local.scoring.thinking import behind_thought

grader = cache(grader_of)
"""Built once for each kind: a user's code is loaded once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerIsFinal:
    """opro_local.llm.StopRule: no further text can change what the reply answers.

    begun stands before the text. Within a thought that the prompt has opened, which thought_end ends, nothing
    is final.
    """

    kind: AnswerKind
    grading: Grading
    question: str
    thought_end: str | None = None
    begun: str = ""

    def __call__(self, text: str) -> bool:
        answer = behind_thought(self.begun + text, self.thought_end)
        return answer is not None and self._grader.is_final(answer, question=self.question)

    @property
    def _grader(self) -> Grader:
        return grader(self.kind, self.grading)
