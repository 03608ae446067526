"""What of a task and its trajectory goes into a meta-prompt: which solutions in which order, which rows.

Published OPRO's choices (Yang et al. 2023, sections 4.2 and 5.3, and its code) are all here; the words are
meta_prompt.py's.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from opro_local.config import SearchSettings, Style
from opro_local.meta_prompt import STYLES, MetaPromptContent, TrajectoryLine
from opro_local.problem import MetaPrompt
from opro_local.records import Candidate, Example, Scored, Trajectory, derived_seed
from opro_local.scoring.marking import Marking
from opro_local.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaPrompts:
    """rows may be shown as exemplars; wrong gives those that a scored candidate got wrong, by id.

    Candidates that left a race saw some of the rows only: they are neither shown nor asked what they missed.
    """

    task: Task
    qa: bool
    style: Style
    search: SearchSettings
    rows: Sequence[Example]
    marking: Marking
    wrong: Callable[[Candidate], Collection[str]]

    def of(self, trajectory: Trajectory[Candidate], step: int) -> Iterator[MetaPrompt]:
        """With less and less of the trajectory (the best stay longest), at last with fewer exemplars."""
        best = self._best(trajectory)
        exemplars = self._exemplars(trajectory, best, step)
        for shown, count in _sizes(len(best), len(exemplars)):
            yield self._meta_prompt(self._ordered(best[len(best) - shown :], step), exemplars[:count])

    def _meta_prompt(self, shown: Sequence[Scored[Candidate]], exemplars: Sequence[Example]) -> MetaPrompt:
        brief = MetaPromptContent(
            description="" if self.search.instructions_only else self.task.description,
            position=self.task.position,
            qa=self.qa,
            shown=[
                TrajectoryLine(
                    instruction=entry.solution.instruction, score=self.marking.normalised(entry.score.value)
                )
                for entry in shown
            ],
            order=self.search.trajectory_order,
            display=self.search.score_display,
            exemplars=list(map(self._told, exemplars)),
            blocks=self.search.block_order,
        )
        return STYLES[self.style](brief)

    def _told(self, row: Example) -> Example:
        """The row with one right answer, if it has any."""
        return replace(row, target=next(iter(self.task.kind.right(row.target)), ""))

    def _best(self, trajectory: Trajectory[Candidate]) -> list[Scored[Candidate]]:
        """Ascending; of those below the threshold none but the best of all."""
        best = trajectory.ascending()[-self.search.shown :]
        least = self.search.score_threshold
        shown = [entry for entry in best[:-1] if self.marking.normalised(entry.score.value) >= least]
        return [*shown, *best[-1:]]

    def _ordered(self, ascending: list[Scored[Candidate]], step: int) -> list[Scored[Candidate]]:
        if self.search.trajectory_order == "ascending":
            return ascending
        if self.search.trajectory_order == "descending":
            return ascending[::-1]
        draw = random.Random(derived_seed(self.search.seed, step, "trajectory order"))
        return draw.sample(ascending, len(ascending))

    def _exemplars(
        self, trajectory: Trajectory[Candidate], shown: Sequence[Scored[Candidate]], step: int
    ) -> list[Example]:
        """As many as the settings want, or as there are to choose from; a completion shows none."""
        search = self.search
        if self.style == "completion" or search.instructions_only:
            return []
        number = 0 if search.exemplar_choice == "constant" else step
        draw = random.Random(derived_seed(search.seed, number, "exemplars"))
        if search.exemplar_choice == "accumulative-wrong":
            return self._sample(list(self._misses(trajectory.ascending())), draw)
        if search.exemplar_choice == "current-wrong":
            return self._most_missed(self._misses(shown), draw)
        return self._sample(self.rows, draw)

    def _sample(self, rows: Sequence[Example], draw: random.Random) -> list[Example]:
        return draw.sample(rows, min(self.search.exemplars, len(rows)))

    def _misses(self, scored: Sequence[Scored[Candidate]]) -> Counter[Example]:
        """How many of the candidates missed a row, for the rows that any missed, in order."""
        counts = Counter(row for entry in scored for row in self.wrong(entry.solution))
        return Counter({row: counts[row.id] for row in self.rows if counts[row.id]})

    def _most_missed(self, misses: Counter[Example], draw: random.Random) -> list[Example]:
        """Of those missed most often, if these are enough; else the first by how often they were missed."""
        most = max(misses.values(), default=0)
        tied = [row for row, count in misses.items() if count == most]
        if len(tied) >= self.search.exemplars:
            return self._sample(tied, draw)
        return [row for row, _ in misses.most_common(self.search.exemplars)]


def _sizes(shown: int, exemplars: int) -> Iterator[tuple[int, int]]:
    """How many solutions and exemplars to show, from all of them to next to nothing."""
    while shown > 1:
        yield shown, exemplars
        shown = shown * 3 // 4
    for count in range(exemplars, -1, -1):
        yield shown, count
