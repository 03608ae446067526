"""Random search: as many instructions of random words as OPRO proposes. It looks at no score."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic

from opro_local.config import SearchSettings
from opro_local.errors import Rejected
from opro_local.optimizer import proposed_keys
from opro_local.problem import Problem
from opro_local.proposers.random_words import random_instructions
from opro_local.records import Proposal, S, Step, Trajectory, derived_seed

TRIES = 20
"""Draws for each proposal that is wanted; a vocabulary may be too small for them all."""


@dataclass(frozen=True, slots=True)
class RandomSearch(Generic[S]):
    """opro_local.problem.Proposer; vocabulary as from words_of."""

    problem: Problem[S]
    settings: SearchSettings
    vocabulary: Sequence[str]

    def propose(self, trajectory: Trajectory[S], number: int) -> Step[S]:
        """proposals_per_step new solutions; what the problem rejects, or has seen, is drawn again."""
        wanted = self.settings.proposals_per_step
        seed = derived_seed(self.settings.seed, number, "random proposals")
        drawn = random_instructions(self.vocabulary, random.Random(seed))
        seen = proposed_keys(self.problem, trajectory)
        proposals: list[Proposal[S]] = []
        for text in islice(drawn, TRIES * wanted):
            solution = self._parsed(text)
            if solution is not None and (key := self.problem.key(solution)) not in seen:
                seen.add(key)
                proposals.append(Proposal(text=text, solution=solution))
            if len(proposals) == wanted:
                break
        return Step(number=number, proposals=tuple(proposals), seed=seed)

    def _parsed(self, text: str) -> S | None:
        try:
            return self.problem.parse(text)
        except Rejected:
            return None
