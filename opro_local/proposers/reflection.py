"""Reflection: the optimizer reads what a candidate gets wrong, and how, and mends its instruction.

After GEPA (Agrawal et al. 2025, arXiv 2507.19457). The parent is drawn from the front over rows: a
candidate's chance are the rows of train that none of the best answers better. In some steps two parents are
merged instead, each of which is right where the other is wrong. The child has the parent's shots and form, so
that nothing but the words differs. Which children join the front is for the race and the scores to say.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from opro_local.optimizer import Optimizer
from opro_local.problem import MetaPrompt
from opro_local.proposers.admission import Admission
from opro_local.proposers.elite import best_of_each_instruction, elite
from opro_local.proposers.mistakes import Mistake, confusion_line, merged, reflected
from opro_local.records import Candidate, Example, Proposal, Step, Trajectory, derived_seed
from opro_local.tasks.task import Task

SHOWN = 6
"""Wrong answers in a meta-prompt."""
CONFUSIONS = 3
"""Kinds of wrong answers that are told of."""
MERGES = 0.25
"""How often parents are merged, where two are worth it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """opro_local.problem.Proposer; one meta-prompt a step.

    mistakes and doubts tell of a scored candidate what it got wrong, and by row how far from right it is, 0
    to 1.
    """

    optimizer: Optimizer[Candidate]
    task: Task
    rows: Sequence[Example]
    mistakes: Callable[[Candidate], Sequence[Mistake]]
    doubts: Callable[[Candidate], Mapping[str, float]]

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        """None where the best get nothing wrong."""
        seed = derived_seed(self.optimizer.settings.seed, number, "reflection")
        draw = random.Random(seed)
        best = [entry.solution for entry in elite(trajectory)]
        parent = self._parent(best, draw)
        asked = list(self._meta_prompts(parent, best, draw))
        if not asked:
            return Step(number=number, proposals=())
        admission = Admission.after(self.optimizer.problem, best_of_each_instruction(trajectory))
        step = self.optimizer.replies(asked, number, count, seed=seed, admission=admission)
        return replace(step, proposals=tuple(_child(proposal, parent) for proposal in step.proposals))

    def _parent(self, best: Sequence[Candidate], draw: random.Random) -> Candidate:
        (parent,) = draw.choices(best, front(list(map(self.doubts, best))))
        return parent

    def _meta_prompts(
        self, parent: Candidate, best: Sequence[Candidate], draw: random.Random
    ) -> Iterator[MetaPrompt]:
        """With fewer and fewer rows."""
        partner = self._partner(parent, best)
        if partner is not None and draw.random() < MERGES:
            yield from self._merging(parent, partner, draw)
        else:
            yield from self._mending(parent, draw)

    def _mending(self, parent: Candidate, draw: random.Random) -> Iterator[MetaPrompt]:
        mistakes = self.mistakes(parent)
        common = Counter(mistake.confusion for mistake in mistakes).most_common(CONFUSIONS)
        lines = [confusion_line(*confusion, count) for confusion, count in common] if _repeat(common) else []
        order = {confusion: place for place, (confusion, _) in enumerate(common)}
        drawn = draw.sample(mistakes, len(mistakes))
        shown = sorted(drawn, key=lambda mistake: order.get(mistake.confusion, CONFUSIONS))[:SHOWN]
        for count in range(len(shown), 0, -1):
            yield reflected(self.task, parent, shown[:count], lines)

    def _merging(self, parent: Candidate, partner: Candidate, draw: random.Random) -> Iterator[MetaPrompt]:
        alone = [
            draw.sample(rows, min(SHOWN // 2, len(rows)))
            for one, other in permutations((parent, partner))
            if (rows := self._right_alone(one, other))
        ]
        for count in range(SHOWN // 2, 0, -1):
            yield merged(self.task, (parent, partner), [rows[:count] for rows in alone])

    def _partner(self, parent: Candidate, best: Sequence[Candidate]) -> Candidate | None:
        """The one that gets most right of what the parent does not; the parent is right where it is not."""
        others = [
            other
            for other in best
            if other.instruction != parent.instruction and self._right_alone(parent, other)
        ]
        gained = [len(self._right_alone(other, parent)) for other in others]
        return others[gained.index(max(gained))] if any(gained) else None

    def _right_alone(self, one: Candidate, other: Candidate) -> list[Example]:
        missed, theirs = ({mistake.row.id for mistake in self.mistakes(each)} for each in (one, other))
        return [row for row in self.rows if row.id in theirs - missed]


def front(doubts: Sequence[Mapping[str, float]]) -> list[int]:
    """On how many rows each of the candidates is as near to right as any."""
    wins = [0] * len(doubts)
    for row in doubts[0]:
        of_each = [doubt[row] for doubt in doubts]
        for place, doubt in enumerate(of_each):
            wins[place] += doubt == min(of_each)
    return wins


def _repeat(common: Sequence[tuple[object, int]]) -> bool:
    """Whether any wrong answer was given twice: where answers are open each is another one."""
    return any(count > 1 for _, count in common)


def _child(proposal: Proposal[Candidate], parent: Candidate) -> Proposal[Candidate]:
    written = proposal.solution
    if written is None:
        return proposal
    return replace(proposal, solution=replace(parent, instruction=written.instruction, calibration=()))
