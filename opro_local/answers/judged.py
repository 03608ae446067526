"""Free text against a rubric: a model grades every reply, and is itself measured beside a person first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.errors import SettingsError
from opro_local.reading.replies import CUT_OFF, NO_ANSWER, Graded, Grader, opens_question, own_part
from opro_local.records import Example, LabelledRow
from opro_local.wording import counted

INSTRUCTIONS = (
    "Write the reply.",
    "Reply to this text as well as you can.",
    "What would a good answer be? Write it.",
    "Write a short and complete reply.",
    "You are known for replies that leave no question open. Write one.",
    "Reply politely, to the point, and in plain words.",
    "First think of what the writer needs, then reply with just that.",
    "Write a reply that you would want to get yourself.",
    "Take up every point of the text in your reply.",
    "Reply in at most five sentences.",
)


@dataclass(frozen=True, kw_only=True)
class Judged(AnswerKind):
    """Read for nothing but where it ends: what a reply is worth the judge says (scoring/judging.py)."""

    uses = ("rubric", "judge_rows")
    needs = ("rubric",)
    optional_targets = True
    metrics: ClassVar[Sequence[Metric]] = ("mean_score",)
    reading = "the whole text, graded by a judge from 1 to 5 by the rubric; the mean grade, from 0 to 1"

    @property
    def told(self) -> str:
        return f"Answers are graded by this rubric: {self.rubric}"

    def notes(self, rows: Sequence[LabelledRow]) -> Iterator[str]:
        without = sum(not row.target for row in rows)
        if without:
            yield f"{counted(without, 'row')} without a reference answer: the judge goes by the rubric alone."

    def described(self, rows: Sequence[Example]) -> str:
        return f"graded by a judge; {sum(bool(row.target) for row in rows)} rows have a reference answer"

    @property
    def instructions(self) -> Sequence[str]:
        return INSTRUCTIONS

    def strict(self) -> Grader:
        return WholeReply()

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer judged: use --grading strict.")


@dataclass(frozen=True, slots=True)
class WholeReply:
    """Takes a reply as it is, without a question that the model goes on to ask itself."""

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        text = own_part(reply).strip()
        if cut and not self.is_final(reply, example.text):
            return CUT_OFF
        return Graded(prediction=text) if text else NO_ANSWER

    def is_final(self, text: str, question: str) -> bool:
        return any(map(opens_question, text.splitlines()))
