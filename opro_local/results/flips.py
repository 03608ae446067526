"""What the winner answered on test beside a baseline, row by row, and how far to trust how sure it is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from opro_local.records import Answer

Document = dict[str, Any]
BINS = 5


def flips(
    ours: Sequence[Answer],
    theirs: Sequence[Answer],
    *,
    labels: Sequence[str],
    texts: Mapping[str, str],
) -> Document:
    """The rows that one of two candidates answers better than the other; texts go by row."""
    both = zip(ours, theirs, strict=True)
    rows = [
        ({"text": texts[a.example_id], **_flip(a, b, labels)}, a.score > b.score)
        for a, b in both
        if a.score != b.score
    ]
    return {
        "fixed": [row for row, right in rows if right],
        "broken": [row for row, right in rows if not right],
    }


def _flip(ours: Answer, theirs: Answer, labels: Sequence[str]) -> Document:
    return {
        "id": ours.example_id,
        "target": ours.target,
        "winner": ours.prediction or ours.reason,
        "baseline": theirs.prediction or theirs.reason,
        "winner_margin": margin(ours, labels),
        "baseline_margin": margin(theirs, labels),
    }


def margin(outcome: Answer, labels: Sequence[str]) -> float | None:
    """By how many nats the right label is likelier than the best other; None where none was scored."""
    log_probs = dict(zip(labels, outcome.choice_log_probs, strict=False))
    right = log_probs.pop(outcome.target, None)
    return None if right is None or not log_probs else right - max(log_probs.values())


def reliability(outcomes: Sequence[Answer]) -> list[Mapping[str, float]]:
    """How often the winner is right by how sure it is: equal steps of confidence, the empty ones left out."""
    sure = [(_confidence(o.choice_log_probs), o.correct) for o in outcomes if o.choice_log_probs]
    found: list[Mapping[str, float]] = []
    for low in range(BINS):
        inside = [pair for pair in sure if min(int(pair[0] * BINS), BINS - 1) == low]
        if inside:
            confidence, right = np.mean(inside, axis=0)
            found.append({"confidence": float(confidence), "accuracy": float(right), "n": len(inside)})
    return found


def _confidence(log_probs: Sequence[float]) -> float:
    """The probability of the likeliest label among all."""
    highest = max(log_probs)
    return 1 / sum(math.exp(value - highest) for value in log_probs)
