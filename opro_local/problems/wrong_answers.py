"""Which rows of train a candidate got wrong, from what its run has recorded."""

from dataclasses import dataclass, field

from opro_local.recording import OutcomeLedger
from opro_local.records import Candidate
from opro_local.scoring.pairs import hits
from opro_local.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class WrongAnswers:
    """Read from the ledger once a candidate; so a run that was killed chooses by them as it would have.

    Only for candidates that were scored on all rows of train: nothing is added to their outcomes.
    """

    task: Task
    ledger: OutcomeLedger
    _known: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> frozenset[str]:
        """The ids of the rows that are wrong under the candidate's calibration."""
        if candidate.key not in self._known:
            self._known[candidate.key] = frozenset(self._read(candidate))
        return self._known[candidate.key]

    def _read(self, candidate: Candidate) -> list[str]:
        outcomes = list(self.ledger.outcomes(candidate.key, "train").values())
        right = hits(outcomes, labels=self.task.labels, calibration=candidate.calibration)
        return [o.example_id for o, correct in zip(outcomes, right, strict=True) if not correct]
