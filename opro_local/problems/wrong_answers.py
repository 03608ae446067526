"""What a candidate got wrong on train, from what its run has recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opro_local.recording import OutcomeLedger
from opro_local.records import Answer, Candidate
from opro_local.scoring.marking import Marking


@dataclass(frozen=True, kw_only=True)
class WrongAnswers:
    """Read from the ledger once a candidate; so a run that was killed chooses by them as it would have.

    Only for candidates that were scored on all rows of train: nothing is added to their outcomes.
    """

    marking: Marking
    ledger: OutcomeLedger
    _known: dict[str, Mapping[str, Answer]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> Mapping[str, Answer]:
        """By row, the answers that are not worth 1, under the candidate's calibration."""
        if candidate.key not in self._known:
            self._known[candidate.key] = self._read(candidate)
        return self._known[candidate.key]

    def _read(self, candidate: Candidate) -> Mapping[str, Answer]:
        outcomes = list(self.ledger.outcomes(candidate.key, "train").values())
        answers = self.marking.answers(outcomes, candidate.calibration)
        return {answer.example_id: answer for answer in answers if not answer.correct}
