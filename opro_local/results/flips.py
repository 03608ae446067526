"""What the winner answered on test beside a baseline, row by row, and how far to trust how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from opro_local.answers import AnswerKind
from opro_local.records import Answer
from opro_local.results.overview import finite
from opro_local.scoring.calibration import confidence

BINS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A row that one of two prompts answers better than the other; margins as of margin().

    Scores are from 0 to 1, feedback is what the user's grader said of an answer.
    """

    id: str
    text: str
    target: str
    winner: str | None
    baseline: str | None
    winner_margin: float | None
    baseline_margin: float | None
    winner_score: float
    baseline_score: float
    winner_feedback: str | None = None
    baseline_feedback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """The rows that the winner fixes and breaks beside a baseline."""

    fixed: Sequence[Flip]
    broken: Sequence[Flip]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFlips(Flips):
    """Beside the baseline with this instruction."""

    instruction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceBin:
    """n rows on which the winner is about as sure, with the share of right answers."""

    confidence: float
    accuracy: float
    n: int


def flips(
    ours: Sequence[Answer],
    theirs: Sequence[Answer],
    *,
    labels: Sequence[str],
    texts: Mapping[str, str],
) -> Flips:
    """The rows that one answers better than the other; texts go by row."""
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.score != b.score]
    rows = [(_flip(a, b, labels, texts[a.example_id]), a.score > b.score) for a, b in both]
    return Flips(
        fixed=[row for row, gained in rows if gained], broken=[row for row, gained in rows if not gained]
    )


def _flip(ours: Answer, theirs: Answer, labels: Sequence[str], text: str) -> Flip:
    return Flip(
        id=ours.example_id,
        text=text,
        target=ours.target,
        winner=ours.prediction or ours.reason,
        baseline=theirs.prediction or theirs.reason,
        winner_margin=finite(margin(ours, labels)),
        baseline_margin=finite(margin(theirs, labels)),
        winner_score=ours.score,
        baseline_score=theirs.score,
        winner_feedback=ours.feedback,
        baseline_feedback=theirs.feedback,
    )


def margin(outcome: Answer, labels: Sequence[str]) -> float | None:
    """By how many nats the right label is likelier than the best other; None where none was scored."""
    log_probs = dict(zip(labels, outcome.choice_log_probs, strict=False))
    right = log_probs.pop(outcome.target, None)
    return None if right is None or not log_probs else right - max(log_probs.values())


def reliability(outcomes: Sequence[Answer], kind: AnswerKind) -> list[ConfidenceBin]:
    """How often the winner is right by how sure it is: equal steps of confidence, the empty ones left out."""
    known = [(confidence(answer, kind), answer.correct) for answer in outcomes]
    sure = [(found, correct) for found, correct in known if found is not None]
    bins = []
    for low in range(BINS):
        inside = [pair for pair in sure if min(int(pair[0] * BINS), BINS - 1) == low]
        if inside:
            mean, right = np.mean(inside, axis=0)
            bins.append(ConfidenceBin(confidence=float(mean), accuracy=float(right), n=len(inside)))
    return bins
