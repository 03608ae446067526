"""Which candidates there are for a task: the starts, the baselines, the shots that may be shown."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest
from itertools import islice

from opro_local.config import ResolvedSearch
from opro_local.problems.worked_shots import WORKED_ROWS
from opro_local.proposers.library import STEP_BY_STEP, headroom_instructions
from opro_local.proposers.shots import ShotSets
from opro_local.records import Candidate, Example, derived_seed
from opro_local.scoring.scorer import Scorer
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task

LARGEST_ROWS = 20
"""Rows among which the longest is sought."""


def bare_baselines(search: ResolvedSearch) -> list[Candidate]:
    """The starts and the other baselines, without shots."""
    texts = (*search.starts, STEP_BY_STEP, *search.compare_with)
    return [Candidate(instruction=text) for text in dict.fromkeys(texts)]


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Shots come from the pool of the split, which is never scored."""

    task: Task
    split: Split
    scorer: Scorer
    search: ResolvedSearch

    @cached_property
    def shots(self) -> tuple[Example, ...]:
        """The shots of all instructions that nobody has chosen others for."""
        draw = random.Random(derived_seed(self.search.seed, 0, "shots"))
        return self.shot_sets.some(self.search.shots, draw, diverse=False)

    @cached_property
    def shot_sets(self) -> ShotSets:
        """The shots that a search may choose from."""
        pool = tuple(row for row in self.split.pool if row.target)
        return ShotSets(pool=pool, kind=self.task.kind, limit=self.search.max_shots, fits=self.fits)

    def candidate(self, instruction: str) -> Candidate:
        return Candidate(instruction=instruction, shots=self.shots)

    def starts(self) -> Sequence[Candidate]:
        return [self.candidate(text) for text in dict.fromkeys(self.search.starts)]

    def baselines(self) -> Sequence[Candidate]:
        """What the winner is compared with on test."""
        return [replace(bare, shots=self.shots) for bare in bare_baselines(self.search)]

    def to_be_worked_out(self) -> Sequence[Example]:
        """The rows of the pool whose answers the scorer shows how to find; none where answers are labels."""
        kind = self.task.kind
        if kind.labels or kind.rubric or not self.shot_sets.most:
            return ()
        return self.split.pool[:WORKED_ROWS]

    def very_different(self) -> list[Candidate]:
        """HEADROOM_CANDIDATES, up to a quarter of them with shots where these are searched."""
        plain = list(map(self.candidate, headroom_instructions(self.task, self.search.seed)))
        draw = random.Random(derived_seed(self.search.seed, 0, "headroom exemplars"))
        sets = dict.fromkeys(islice(self.shot_sets.any_for(self.candidate(""), draw), len(plain) // 4))
        return [*plain[: len(plain) - len(sets)], *sets]

    def typical(self) -> list[Candidate]:
        """The starts, and a candidate of each number of shots, where these are searched."""
        draw = random.Random(0)
        sets = [self.shot_sets.some(size, draw, diverse=False) for size in self.shot_sets.sizes]
        return [*self.starts(), *(Candidate(instruction="", shots=shots) for shots in sets)]

    def fits(self, candidate: Candidate) -> bool:
        """Whether its prompts are as short as the settings and the model's context want them."""
        most = self.search.max_prompt_tokens
        if most is not None and self.scorer.prompt_tokens(candidate) > most:
            return False
        return self.has_room(candidate)

    def has_room(self, candidate: Candidate) -> bool:
        """Whether the model's context holds its prompt for every row."""
        return self.scorer.fits(candidate, self._longest_row)

    @cached_property
    def _longest_row(self) -> Example:
        """The one with the most tokens of those with the most bytes."""
        split = self.split
        rows = (*split.train, *split.pool, *split.validation, *split.test, *split.must_stay)
        largest = nlargest(LARGEST_ROWS, rows, key=lambda row: len(row.text.encode()))
        bare = Candidate(instruction="")
        return max(largest, key=lambda row: self.scorer.tokens_per_pair([bare], [row]))
