"""The last rounds of a search: train and validation pick, and what is measured is recorded with its role.

Finalists are measured on validation ("finalist"). By what they reach on train and validation together
("compared") the winner is chosen, and what it will score elsewhere is estimated ("expected"); both are in
evidence/selection.py. What wins is then calibrated on both parts. So it is where rows must stay right ("must
stay"): the best start is measured first; a finalist that breaks one of those that it has right is left out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from opro_local.config import SHORTER_FINALISTS, Prefer
from opro_local.evidence.selection import Contest
from opro_local.problems.measurement import SEARCHED, Measurement
from opro_local.proposers.elite import of_each_set
from opro_local.recording import Evaluation, OutcomeLedger
from opro_local.records import Answer, Candidate, Direction, Score, Scored, SplitName, Trajectory


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Fitted candidates on train and validation together; those without a value are left out."""

    measurement: Measurement
    candidates: Sequence[Candidate]
    train: Sequence[Sequence[Answer]]
    validation: Sequence[Sequence[Answer]]
    prefer: Prefer = "best"

    @classmethod
    def of(
        cls, measurement: Measurement, candidates: Sequence[Candidate], ledger: OutcomeLedger, prefer: Prefer
    ) -> "Compared":
        """Raises DataError where nobody has a value."""
        train, validation = (
            [measurement.answers(c, found) for c, found in zip(candidates, outcomes, strict=True)]
            for outcomes in (measurement.outcomes(candidates, part, ledger) for part in SEARCHED)
        )
        scores = [measurement.marking.score([*a, *b]) for a, b in zip(train, validation, strict=True)]
        measurement.check_measured(scores, "validation")
        able = [k for k, score in enumerate(scores) if math.isfinite(score.value)]
        return cls(
            measurement=measurement,
            candidates=[candidates[k] for k in able],
            train=[train[k] for k in able],
            validation=[validation[k] for k in able],
            prefer=prefer,
        )

    @cached_property
    def shown(self) -> list[Score]:
        """On validation alone."""
        return list(map(self.measurement.marking.score, self.validation))

    @cached_property
    def contest(self) -> Contest:
        marking, count = self.measurement.marking, len(self.candidates)
        sums = marking.sums([*self.train, *self.validation])
        return Contest(
            train=sums.addends[:count],
            validation=sums.addends[count:],
            figure=lambda of_rows: marking.spec.sign * sums.figure(of_rows),
            tokens=[score.prompt_tokens or 0.0 for score in self.shown],
            prefer=self.prefer,
        )

    @property
    def winner(self) -> Candidate:
        return self.candidates[self.contest.chosen]

    def scores(self) -> Iterator[Score]:
        """On train and validation together."""
        rows = len(self.train[0]) + len(self.validation[0])
        for gain, shown in zip(self.contest.values, self.shown, strict=True):
            value = self.measurement.marking.spec.sign * float(gain)
            yield Score(value=value, n=rows, prompt_tokens=shown.prompt_tokens)

    def expected(self) -> Iterator[Score]:
        """Of the winner on other rows; its interval is that of validation, moved. None of too few rows."""
        gain = self.contest.expected
        if gain is None:
            return
        marking, shown = self.measurement.marking, self.shown[self.contest.chosen]
        value = marking.spec.sign * gain
        lowest, highest = marking.limits
        moved = [end + value - shown.value for end in shown.interval or ()]
        low_high = tuple(min(max(end, lowest), highest) for end in moved)
        interval = (low_high[0], low_high[1]) if low_high else None
        yield Score(value=value, n=shown.n, interval=interval, prompt_tokens=shown.prompt_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Candidates that are fitted, measured on a split and recorded."""

    measurement: Measurement
    direction: Direction
    ledger: OutcomeLedger

    def winner(
        self, finalists: Sequence[Candidate], starts: Sequence[Candidate], prefer: Prefer
    ) -> Candidate:
        """Of the finalists that keep right what must stay right, else the best start.

        Calibrated as they are found: the caller's to refit. Raises DataError.
        """
        self.measure("finalist", "validation", finalists)
        compared = self._compared(self._staying_right(finalists, starts), prefer)
        for candidate, score in zip(compared.candidates, compared.scores(), strict=True):
            self._record("compared", candidate, score)
        for score in compared.expected():
            self._record("expected", compared.winner, score)
        return compared.winner

    def select(self, role: str, proposed: Sequence[Candidate]) -> Candidate:
        """The best of a rival search. Raises DataError."""
        self.measure(role, "validation", proposed)
        return self._compared(proposed, "best").winner

    def measure(self, role: str, split: SplitName, fitted: Sequence[Candidate]) -> list[Score]:
        """Scores of fitted candidates, recorded with what they were taken for."""
        scores = self.measurement.scores(fitted, split, self.ledger)
        for candidate, score in zip(fitted, scores, strict=True):
            record(Evaluation(role=role, split=split, candidate=candidate, score=score), self.ledger)
        return scores

    def _compared(self, candidates: Sequence[Candidate], prefer: Prefer) -> Compared:
        return Compared.of(self.measurement, candidates, self.ledger, prefer)

    def _record(self, role: str, candidate: Candidate, score: Score) -> None:
        record(Evaluation(role=role, split="validation", candidate=candidate, score=score), self.ledger)

    def _staying_right(
        self, finalists: Sequence[Candidate], starts: Sequence[Candidate]
    ) -> Sequence[Candidate]:
        if not self.measurement.split.must_stay:
            return finalists
        start = self._compared(self.measurement.fit(starts, self.ledger), "best").winner
        others = [candidate for candidate in finalists if candidate.key != start.key]
        refitted = self.measurement.refit([start, *others], self.ledger)
        self.measure("must stay", "must_stay", refitted)
        right = {candidate.key: self._right(candidate) for candidate in refitted}
        return [c for c in finalists if right[start.key] <= right[c.key]] or [start]

    def _right(self, candidate: Candidate) -> set[str]:
        """Ids of the rows that must stay right and are."""
        outcomes = self.ledger.outcomes(candidate.key, "must_stay").values()
        answers = self.measurement.answers(candidate, list(outcomes))
        return {answer.example_id for answer in answers if answer.correct}


def finalists(trajectory: Trajectory[Candidate], starts: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best on train, no two with the same shots; the best of the shorter prompts, and the starts."""
    ranked = list(reversed(trajectory.ascending()))
    best = list(islice(of_each_set(ranked), most))
    shorter = [entry for entry in frontier(ranked) if entry not in best][:SHORTER_FINALISTS]
    known = {start.key for start in starts}
    return [e.solution for e in ranked if e in best or e in shorter or e.solution.key in known]


def frontier(ranked: Sequence[Scored[Candidate]]) -> Iterator[Scored[Candidate]]:
    """Of candidates in order, the best first, those with shorter prompts than all before them."""
    shortest = float("inf")
    for entry in ranked:
        tokens = entry.score.prompt_tokens
        if tokens is not None and tokens < shortest:
            shortest = tokens
            yield entry


def record(evaluation: Evaluation, ledger: OutcomeLedger) -> None:
    """Keep what a resumed run has not kept already."""
    if evaluation not in ledger.evaluations():
        ledger.record_evaluation(evaluation)
