"""New candidates from the best: their instructions in other words, and crossings of two of them."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

from opro_local.proposers.elite import elite
from opro_local.proposers.paraphrases import paraphrases
from opro_local.records import Candidate, Trajectory

_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+")


def paraphrased(trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
    """Near-paraphrases, those of the best first, each with the shots that it had."""
    for entry in elite(trajectory):
        texts = paraphrases(entry.solution.instruction)
        for text in draw.sample(texts, len(texts)):
            yield replace(entry.solution, instruction=text, calibration=())


def crossed(trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
    """One's instruction in another's prompt; then half of one's sentences with half of another's."""
    pairs = list(permutations([entry.solution for entry in elite(trajectory)], 2))
    draw.shuffle(pairs)
    for one, other in pairs:
        yield replace(other, instruction=one.instruction, calibration=())
    for one, other in pairs:
        yield replace(one, instruction=_spliced(one.instruction, other.instruction), calibration=())


def _spliced(one: str, other: str) -> str:
    head, tail = (_BETWEEN_SENTENCES.split(text) for text in (one, other))
    return " ".join([*head[: (len(head) + 1) // 2], *tail[len(tail) // 2 :]]).strip()
