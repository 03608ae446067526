"""Proposals from a stream of solutions: those that were never proposed, as many as are wanted."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic

from opro_local.errors import Rejected
from opro_local.optimizer import proposed_keys
from opro_local.problem import Problem
from opro_local.records import Author, Proposal, S, Step, Trajectory, derived_seed

TRIES = 20
"""Draws for each proposal that is wanted; there may not be as many new ones."""

Stream = Callable[[Trajectory[S], random.Random], Iterator[S]]
"""Solutions made from a trajectory, with or without end; one may come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProposer(Generic[S]):
    """opro_local.problem.Proposer; name sets its draws apart from those of others with the same seed."""

    name: str
    problem: Problem[S]
    seed: int
    stream: Stream[S]
    author: Author = "program"

    def propose(self, trajectory: Trajectory[S], number: int, count: int) -> Step[S]:
        """New solutions; what was proposed before is drawn again."""
        seed = derived_seed(self.seed, number, self.name)
        seen = proposed_keys(self.problem, trajectory)
        proposals: list[Proposal[S]] = []
        for solution in islice(self.stream(trajectory, random.Random(seed)), TRIES * count):
            if len(proposals) == count:
                break
            if (key := self.problem.key(solution)) not in seen:
                seen.add(key)
                text = self.problem.encode(solution)
                proposals.append(Proposal(text=text, solution=solution, origin=self.name, author=self.author))
        return Step(number=number, proposals=tuple(proposals))


def parsed(problem: Problem[S], texts: Iterable[str]) -> Iterator[S]:
    """The solutions in texts, without those that the problem rejects."""
    for text in texts:
        try:
            yield problem.parse(text)
        except Rejected:
            continue
