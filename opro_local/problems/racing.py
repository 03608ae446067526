"""A step's candidates raced against the best so far, block by block on the same rows.

After each block, those leave whose full score is not going to reach the best (evidence/racing.py). The rest
is scored on all rows, so that the trajectory holds comparable scores only. Without a best nobody leaves.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_local.evidence.racing import has_lost
from opro_local.problems.measurement import AnswerSheet, Measurement
from opro_local.recording import OutcomeLedger
from opro_local.records import Candidate, Example, Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """error_rate bounds how often a candidate leaves that would have ended level; seed orders the rows."""

    measurement: Measurement
    best: Candidate | None
    error_rate: float
    seed: int

    def run(
        self, candidates: Sequence[Candidate], step: int, ledger: OutcomeLedger
    ) -> list[Scored[Candidate]]:
        """All candidates, fitted and scored on the rows that they saw, in order."""
        sheet = self.measurement.sheet("train", ledger)
        rows = list(sheet.rows)
        if self.best is not None:
            random.Random(self.seed).shuffle(rows)
        left: dict[str, Sequence[Example]] = {}
        for heat in self.measurement.heats(candidates):
            left |= self._left(heat, sheet, rows)
        return [self._scored(c, sheet, left.get(c.key, sheet.rows), step) for c in candidates]

    def _left(
        self, racing: Sequence[Candidate], sheet: AnswerSheet, rows: Sequence[Example]
    ) -> Mapping[str, Sequence[Example]]:
        """By candidate that left the race, the rows that it saw."""
        left: dict[str, Sequence[Example]] = {}
        seen = 0
        for block in sheet.blocks(rows):
            sheet.ask(racing, block)
            seen += len(block)
            lost = [c for c in racing if self._has_lost(c, sheet, rows[:seen])]
            left |= {candidate.key: rows[:seen] for candidate in lost}
            racing = [c for c in racing if c.key not in left]
        return left

    def _has_lost(self, candidate: Candidate, sheet: AnswerSheet, rows: Sequence[Example]) -> bool:
        if self.best is None:
            return False
        outcomes = sheet.outcomes(candidate, rows)
        fitted = self.measurement.calibrated(candidate, outcomes)
        difference = self.measurement.marking.gains(
            self.measurement.answers(fitted, outcomes),
            self.measurement.answers(self.best, sheet.outcomes(self.best, rows)),
        )
        return has_lost(difference, rows=len(sheet.rows), alpha=self.error_rate)

    def _scored(
        self, candidate: Candidate, sheet: AnswerSheet, rows: Sequence[Example], step: int
    ) -> Scored[Candidate]:
        outcomes = sheet.outcomes(candidate, rows)
        fitted = self.measurement.calibrated(candidate, outcomes)
        score = self.measurement.score(fitted, outcomes)
        return Scored(solution=fitted, score=score, step=step, dropped=len(rows) < len(sheet.rows))
