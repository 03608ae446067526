"""The last rounds of a search: validation picks, and what is measured is recorded with its role."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from opro_local.config import SHORTER_FINALISTS
from opro_local.problems.measurement import Measurement
from opro_local.proposers.elite import of_each_set
from opro_local.recording import Evaluation, OutcomeLedger
from opro_local.records import Candidate, Direction, Score, Scored, SplitName, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Candidates that are fitted, measured on a split and recorded."""

    measurement: Measurement
    direction: Direction
    ledger: OutcomeLedger

    def select(self, role: str, finalists: Sequence[Candidate]) -> Candidate:
        """The best on validation; of equal ones that with the shortest prompts, or the first.

        Raises DataError.
        """
        scores = self.measure(role, "validation", finalists)
        self.measurement.check_measured(scores, "validation")
        ranks = [(score.rank(self.direction)[0], -(score.prompt_tokens or 0.0)) for score in scores]
        return finalists[ranks.index(max(ranks))]

    def measure(self, role: str, split: SplitName, fitted: Sequence[Candidate]) -> list[Score]:
        """Scores of fitted candidates, recorded with what they were taken for."""
        scores = self.measurement.scores(fitted, split, self.ledger)
        for candidate, score in zip(fitted, scores, strict=True):
            record(Evaluation(role=role, split=split, candidate=candidate, score=score), self.ledger)
        return scores


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
