"""Several proposers under one budget: what pays gets more of it.

A proposal has paid when it raised the scores of the best candidates; one that joined its equals, was rejected
or lost its race has not. The arms share a step by the rules of bandit.py, worked out anew from the
trajectory: a resumed run divides its steps as it would have done.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from opro_local.problem import Proposer
from opro_local.proposers.admission import fitting
from opro_local.proposers.bandit import Tally, allocate, remembered
from opro_local.proposers.elite import ELITE, elite
from opro_local.records import Candidate, Step, Trajectory, derived_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """opro_local.problem.Proposer; arms by the name that their proposals get.

    expected is what the arms are believed to do before anything is seen. sampled names the arms that read a
    meta-prompt: reading is most of their cost, so that one of them at most has its turn in a step. fits says
    whether a prompt is short enough.
    """

    arms: Mapping[str, Proposer[Candidate]]
    expected: Mapping[str, Tally] = field(default_factory=dict)
    seed: int
    fits: Callable[[Candidate], bool]
    sampled: Collection[str] = field(default=())

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        """Arms that know nothing new leave their share to the others."""
        draw = np.random.default_rng(derived_seed(self.seed, number, "portfolio"))
        memory = remembered([self.expected, *tallies(trajectory)])
        step: Step[Candidate] = Step(number=number, proposals=())
        willing = list(self.arms)
        while willing and len(step.proposals) < count:
            shares = self._one_meta_prompt(allocate(willing, memory, count - len(step.proposals), draw))
            for name, share in shares.items():
                so_far = replace(trajectory, steps=(*trajectory.steps, step))
                part = self.arms[name].propose(so_far, number, share)
                named = (replace(proposal, origin=name) for proposal in part.proposals)
                proposals = (fitting(proposal, self.fits) for proposal in named)
                step = replace(
                    step, proposals=(*step.proposals, *proposals), calls=(*step.calls, *part.calls)
                )
                if len(part.proposals) < share:
                    willing.remove(name)
            willing = [name for name in willing if name not in self.sampled]
        return step

    def _one_meta_prompt(self, shares: Counter[str]) -> Counter[str]:
        """The shares, those of all sampled arms given to the first of them that has the most."""
        sampled = Counter({name: share for name, share in shares.items() if name in self.sampled})
        if sampled:
            ((chosen, _),) = sampled.most_common(1)
            shares = shares - sampled + Counter({chosen: sampled.total()})
        return shares


def tallies(trajectory: Trajectory[Candidate]) -> Iterator[dict[str, Tally]]:
    """Step by step after the start, how many proposals each origin made and how many of them paid."""
    for end in range(1, len(trajectory.steps)):
        step = trajectory.steps[end]
        best = _raised(trajectory, end)
        accepted = [p.origin for p in step.proposals if p.solution is not None]
        paid = Counter(
            origin for origin, entry in zip(accepted, step.scored, strict=True) if entry.key in best
        )
        pulls = Counter(p.origin for p in step.proposals)
        yield {origin: Tally(paid[origin], pulls[origin]) for origin in pulls}


def _raised(trajectory: Trajectory[Candidate], end: int) -> set[str]:
    """Keys of those of the best after a step that score better than the last of the best before it."""
    before, after = (elite(replace(trajectory, steps=trajectory.steps[:last])) for last in (end, end + 1))
    sign = 1 if trajectory.direction == "maximize" else -1
    least = sign * before[-1].score.value if len(before) == ELITE else -math.inf
    return {entry.key for entry in after if sign * entry.score.value > least}
