"""Sets of shots that grow by what they bring: twice as many, the new ones like rows that are answered badly.

A row that is scored is never shown, so what stands for it is the row of the pool that has its label and is
most like it. New shots come last: what the model has read of the smaller set is not read again. Only what is
among the best is doubled, so that sets grow where that pays.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from opro_local.proposers.elite import bare, elite
from opro_local.proposers.shots import Shots, ShotSets, likeness
from opro_local.records import Candidate, Example, Trajectory


@dataclass(frozen=True, kw_only=True)
class ShotGrowth:
    """rows are those that are scored; doubts says by row how far from right a candidate is, 0 to 1."""

    sets: ShotSets
    rows: Sequence[Example]
    doubts: Callable[[Candidate], Mapping[str, float]]

    def grown(self, trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        """The best candidates with twice their shots, at least one of each label, without end."""
        bases = [entry.solution for entry in elite(trajectory)]
        while self.sets.most:
            base = draw.choice(bases)
            size = min(self.sets.most, max(2 * len(base.shots), len(self.sets.kind.classes), 2))
            yield self.sets.fitting(replace(bare(base), shots=self._grown(base, size, draw)))

    def _grown(self, base: Candidate, size: int, draw: random.Random) -> Shots:
        shots, doubts = base.shots, self.doubts(base)
        while len(shots) < size and (rows := self.sets.rarest(shots, draw)):
            shots = (*shots, self._like_a_doubted(rows, doubts, draw))
        return shots

    def _like_a_doubted(
        self, rows: Sequence[Example], doubts: Mapping[str, float], draw: random.Random
    ) -> Example:
        """Of rows of one label that which is most like a scored one of this label, drawn by its doubt."""
        label = self.sets.stratum(rows[0])
        asked = [i for i, row in enumerate(self.rows) if self.sets.stratum(row) == label]
        weights = [doubts.get(self.rows[i].id, 0.0) for i in asked]
        if not any(weights):
            return draw.choice(rows)
        (doubted,) = draw.choices(asked, weights)
        return max(rows, key=lambda row: self._similarity[doubted, self._places[row.id]])

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {row.id: place for place, row in enumerate(self.sets.pool)}

    @cached_property
    def _similarity(self) -> NDArray[np.float64]:
        """(N, P) between the scored rows and those of the pool."""
        return likeness(self.rows, self.sets.pool)
