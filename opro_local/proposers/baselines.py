"""Proposers that look at no score: what they find at equal budget is no gain of a search.

one-step      the optimizer LLM without its trajectory (Yang et al. 2023, section 5.3). Its meta-prompt shows
              the starting solutions with their scores and examples, as OPRO's does in its first step, and
              nothing that came later. What OPRO finds beyond it, it owes to the trajectory
random words  they say nothing, and still some of them score well: random texts between question and answer
              come close to what a model finds for itself (arXiv 2311.09569)
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from opro_local.optimizer import Optimizer
from opro_local.problem import Problem
from opro_local.proposers.stream import StreamProposer, parsed
from opro_local.records import S, Step, Trajectory

FEWEST_WORDS, MOST_WORDS = 2, 7  # too few to copy a passage of a row, see problems/leaks.py

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The different words of the texts, case aside, in the order of their first use; no numbers."""
    return tuple(dict.fromkeys(word.casefold() for text in texts for word in _WORD.findall(text)))


def random_instructions(vocabulary: Sequence[str], draw: random.Random) -> Iterator[str]:
    """Different words in random order, without end; the same instruction may come again."""
    while True:
        count = min(draw.randint(FEWEST_WORDS, MOST_WORDS), len(vocabulary))
        text = " ".join(draw.sample(vocabulary, count))
        yield text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class OneStep(Generic[S]):
    """opro_local.problem.Proposer; each step adds samples to the one generation."""

    optimizer: Optimizer[S]

    def propose(self, trajectory: Trajectory[S], number: int, count: int) -> Step[S]:
        """Sample from the first step's meta-prompt; nothing is proposed twice in all steps."""
        start = replace(trajectory, steps=trajectory.steps[:1])
        return self.optimizer.propose(trajectory, number, count, shown=start)


def random_search(problem: Problem[S], vocabulary: Sequence[str], seed: int) -> StreamProposer[S]:
    """vocabulary as from words_of."""

    def stream(_trajectory: Trajectory[S], draw: random.Random) -> Iterator[S]:
        return parsed(problem, random_instructions(vocabulary, draw))

    return StreamProposer(name="random words", problem=problem, seed=seed, stream=stream)
