"""Few-shot examples as part of what is searched: which rows, how many, in which order.

They bring small models more than instructions do (CAPO, arXiv 2504.16005; arXiv 2406.15708). Sets are drawn
at random first, the labels in turn, half of them with rows as unlike each other as can be; the best sets are
then changed one row, or one place, at a time. All rows come from a pool that is never scored.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from opro_local.answers import AnswerKind
from opro_local.proposers.elite import bare, elite
from opro_local.records import Candidate, Example, Trajectory

Shots = tuple[Example, ...]
Move = Callable[[Shots, random.Random], Shots]


@dataclass(frozen=True, kw_only=True)
class ShotSets:
    """What can be drawn: from pool, at most limit of them.

    fits says whether a prompt is short enough.
    """

    pool: Sequence[Example]
    kind: AnswerKind
    limit: int
    fits: Callable[[Candidate], bool]

    @property
    def most(self) -> int:
        return min(self.limit, len(self.pool))

    def drawn(self, trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        """New sets for the instructions of the best candidates, of their size or of any, without end."""
        while self.most:
            base = draw.choice(elite(trajectory)).solution
            like_base = base.shots and draw.random() < 0.5
            size = min(len(base.shots), self.most) if like_base else draw.choice(self.sizes)
            yield self._with_some(base, size, draw)

    def any_for(self, base: Candidate, draw: random.Random) -> Iterator[Candidate]:
        """New sets of any size for one instruction, without end."""
        while self.most:
            yield self._with_some(base, draw.choice(self.sizes), draw)

    def _with_some(self, base: Candidate, size: int, draw: random.Random) -> Candidate:
        rows = self.some(size, draw, diverse=draw.random() < 0.5)
        return self._fitting(replace(bare(base), shots=rows))

    def moved(self, trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        """The best candidates with a shot exchanged, added or left out, or in another order."""
        bases = [entry.solution for entry in elite(trajectory) if entry.solution.shots]
        moves: Sequence[Move] = (self._exchanged, self._added, _one_less, _reordered)
        while bases:
            base = draw.choice(bases)
            shots = draw.choice(moves)(base.shots, draw)
            yield self._fitting(replace(bare(base), shots=shots))

    @property
    def sizes(self) -> list[int]:
        """Powers of two up to the most, and the most."""
        if not self.most:
            return []
        return [1 << power for power in range((self.most - 1).bit_length())] + [self.most]

    def some(self, count: int, draw: random.Random, *, diverse: bool) -> Shots:
        """count rows in random order, the labels in turn; diverse: each far from those before it."""
        groups = [draw.sample(group, len(group)) for group in self._groups if group]
        draw.shuffle(groups)
        chosen: list[int] = []
        while len(chosen) < count and any(groups):
            group = groups[0]
            row = self._farthest(group, chosen) if diverse else group[0]
            chosen.append(row)
            group.remove(row)
            groups = [g for g in (*groups[1:], group) if g]
        draw.shuffle(chosen)
        return tuple(self.pool[row] for row in chosen)

    @cached_property
    def _groups(self) -> list[list[int]]:
        """Places in the pool by label; all together where answers are open."""
        strata = [self.kind.stratum(row) for row in self.pool]
        names = self.kind.classes or sorted(set(strata))
        return [[i for i, stratum in enumerate(strata) if stratum == name] for name in names]

    def _farthest(self, rows: Sequence[int], chosen: Sequence[int]) -> int:
        """The row that is least like the most similar of the chosen."""
        if not chosen:
            return rows[0]
        closest = self._similarity[np.ix_(rows, chosen)].max(axis=1)
        return rows[int(closest.argmin())]

    @cached_property
    def _similarity(self) -> NDArray[np.float64]:
        """(P, P) cosines of the counts of letter triples, rare ones counting more."""
        counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))
        vectors = counts.fit_transform([row.text for row in self.pool])
        similarity: NDArray[np.float64] = (vectors @ vectors.T).toarray()
        return similarity

    def _fitting(self, candidate: Candidate) -> Candidate:
        """The candidate with the last shots left out, as far as its prompt would be too long."""
        while candidate.shots and not self.fits(candidate):
            candidate = replace(candidate, shots=candidate.shots[:-1])
        return candidate

    def _others(self, shots: Shots) -> list[Example]:
        used = {shot.text for shot in shots}
        return [row for row in self.pool if row.text not in used]

    def _exchanged(self, shots: Shots, draw: random.Random) -> Shots:
        """One shot for another row, of the same label if there are labels."""
        place = draw.randrange(len(shots))
        like = self.kind.stratum(shots[place])
        others = [row for row in self._others(shots) if self.kind.stratum(row) == like]
        return (*shots[:place], draw.choice(others), *shots[place + 1 :]) if others else shots

    def _added(self, shots: Shots, draw: random.Random) -> Shots:
        others = self._others(shots)
        if len(shots) >= self.most or not others:
            return shots
        place = draw.randrange(len(shots) + 1)
        return (*shots[:place], draw.choice(others), *shots[place:])


def _one_less(shots: Shots, draw: random.Random) -> Shots:
    place = draw.randrange(len(shots))
    return shots[:place] + shots[place + 1 :]


def _reordered(shots: Shots, draw: random.Random) -> Shots:
    return tuple(draw.sample(shots, len(shots)))
