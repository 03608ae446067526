"""Which of several arms to pull: discounted Thompson sampling (Raj and Kalyani 2017, arXiv 1707.09727).

An arm's chance to pay is Beta distributed, uniform at first. What was seen fades from round to round, so that
an arm that paid early and no longer does loses its lead, and one that failed early is tried again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FADING = 0.8
"""What a round counts one round later."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Of the pulls of an arm, how many paid."""

    paid: float = 0.0
    pulls: float = 0.0


def remembered(rounds: Sequence[Mapping[str, Tally]]) -> dict[str, Tally]:
    """What is left of the rounds, oldest first."""
    left: dict[str, Tally] = {}
    for tallies in rounds:
        left = {
            arm: Tally(
                FADING * left.get(arm, Tally()).paid + tallies.get(arm, Tally()).paid,
                FADING * left.get(arm, Tally()).pulls + tallies.get(arm, Tally()).pulls,
            )
            for arm in {**left, **tallies}
        }
    return left


def allocate(
    arms: Sequence[str], memory: Mapping[str, Tally], pulls: int, draw: np.random.Generator
) -> Counter[str]:
    """How often to pull each of the arms: for each pull, the one whose chance is drawn highest."""
    tallies = [memory.get(arm, Tally()) for arm in arms]
    paid = np.array([tally.paid for tally in tallies])
    missed = np.array([tally.pulls - tally.paid for tally in tallies])
    chances = draw.beta(1 + paid, 1 + missed, size=(pulls, len(arms)))  # (pulls, A)
    return Counter(arms[best] for best in chances.argmax(axis=1))
