"""Proposals from a stream of solutions: those that were never proposed, as many as are wanted."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic

from opro_local.problem import Problem
from opro_local.proposers.admission import Admission, understood
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
        admission = Admission.after(self.problem, trajectory)
        drawn = islice(self.stream(trajectory, random.Random(seed)), TRIES * count)
        proposals = (admission.new(self._proposal(solution)) for solution in drawn)
        new = (proposal for proposal in proposals if proposal.solution is not None)
        return Step(number=number, proposals=tuple(islice(new, count)))

    def _proposal(self, solution: S) -> Proposal[S]:
        text = self.problem.encode(solution)
        return Proposal(text=text, solution=solution, origin=self.name, author=self.author)


def parsed(problem: Problem[S], texts: Iterable[str]) -> Iterator[S]:
    """The solutions in texts, without those that are rejected."""
    for text in texts:
        found: Proposal[S] = understood(problem, text, Proposal(text=text))
        if found.solution is not None:
            yield found.solution
