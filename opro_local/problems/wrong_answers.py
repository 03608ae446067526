"""What a candidate got wrong on train, and how unsure it was, from what its run has recorded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opro_local.answers import AnswerKind
from opro_local.problems.meta_prompts import with_one_answer
from opro_local.proposers.mistakes import Mistake
from opro_local.recording import OutcomeLedger
from opro_local.records import Answer, Candidate, Example
from opro_local.scoring.calibration import confidence, log_likelihoods
from opro_local.scoring.marking import Marking


@dataclass(frozen=True, kw_only=True)
class WrongAnswers:
    """Read from the ledger once a candidate; so a run that was killed chooses by them as it would have.

    Only for candidates that were scored on all rows of train: nothing is added to their outcomes.
    """

    marking: Marking
    ledger: OutcomeLedger
    rows: Sequence[Example]
    _known: dict[str, Mapping[str, Answer]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> Mapping[str, Answer]:
        """By row, the answers that are not worth 1, under the candidate's calibration."""
        return {row: answer for row, answer in self._answers(candidate).items() if not answer.correct}

    def mistakes(self, candidate: Candidate) -> Sequence[Mistake]:
        """The same in the order of the rows, as the optimizer is told of them."""
        wrong = self.of(candidate)
        return [_mistake(row, wrong[row.id], self.marking.kind) for row in self.rows if row.id in wrong]

    def doubts(self, candidate: Candidate) -> Mapping[str, float]:
        """By row, what the right answer lacks to probability 1, or the answer to its full worth."""
        return {row: self._doubt(answer) for row, answer in self._answers(candidate).items()}

    def _doubt(self, answer: Answer) -> float:
        if not answer.choice_log_probs:
            return 1 - answer.score
        return 1 - math.exp(log_likelihoods([answer], self.marking.kind)[0])

    def _answers(self, candidate: Candidate) -> Mapping[str, Answer]:
        if candidate.key not in self._known:
            outcomes = list(self.ledger.outcomes(candidate.key, "train").values())
            answers = self.marking.answers(outcomes, candidate.calibration)
            self._known[candidate.key] = {answer.example_id: answer for answer in answers}
        return self._known[candidate.key]


def _mistake(row: Example, answer: Answer, kind: AnswerKind) -> Mistake:
    return Mistake(
        row=with_one_answer(row, kind),
        answered=answer.prediction,
        sure=confidence(answer, kind),
        feedback=answer.feedback,
    )
