"""Few-shot examples as part of what is searched: which rows, how many, in which order.

They bring small models more than instructions do (CAPO, arXiv 2504.16005; arXiv 2406.15708). Sets are drawn
at random first, the labels in turn, half of them with rows as unlike each other as can be; the best sets are
then changed one row, or one place, at a time, or halved. A set with a shot for each label keeps one for each:
what is added has a label that has fewest, what is left out one that has most. All rows come from a pool that
is never scored.
"""

import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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

MOST_DRAWN = 16
"""Shots of a set that is drawn; beyond, sets that did well grow (growth.py)."""


@dataclass(frozen=True, kw_only=True)
class ShotSets:
    """What can be drawn: from pool, at most limit of them if there is one.

    fits says whether a prompt is short enough.
    """

    pool: Sequence[Example]
    kind: AnswerKind
    limit: int | None
    fits: Callable[[Candidate], bool]

    @property
    def most(self) -> int:
        return len(self.pool) if self.limit is None else min(self.limit, len(self.pool))

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
        return self.fitting(replace(bare(base), shots=rows))

    def moved(self, trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        """The best candidates with a shot exchanged, added or left out, half of them, or in another order."""
        bases = [entry.solution for entry in elite(trajectory) if entry.solution.shots]
        moves: Sequence[Move] = (self._exchanged, self._added, self._one_less, self._halved, _reordered)
        while bases:
            base = draw.choice(bases)
            shots = draw.choice(moves)(base.shots, draw)
            yield self.fitting(replace(bare(base), shots=shots))

    @cached_property
    def stratum(self) -> Callable[[Example], str]:
        """The label of a row, among those of the pool."""
        return self.kind.strata(self.pool)

    @property
    def sizes(self) -> list[int]:
        """Of sets that are drawn: powers of two up to the most of them, and this."""
        most = min(self.most, MOST_DRAWN)
        return [1 << power for power in range((most - 1).bit_length())] + [most] if most else []

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
        strata = [self.stratum(row) for row in self.pool]
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
        """(P, P) within the pool."""
        return likeness(self.pool, self.pool)

    def fitting(self, candidate: Candidate) -> Candidate:
        """The candidate with as many of its shots as its prompt has room for."""
        shots = candidate.shots

        def first(size: int) -> Candidate:
            return replace(candidate, shots=self._less(shots, size, lambda places: places[-1]))

        if self.fits(candidate):
            return candidate
        return first(bisect_left(range(1, len(shots) + 1), True, key=lambda size: not self.fits(first(size))))

    def rarest(self, shots: Shots, draw: random.Random) -> list[Example]:
        """Rows of the pool that are not shown, of a label that has the fewest shots."""
        shown, counts = {shot.text for shot in shots}, self._counts(shots)
        left = {name: [row for row in rows if row.text not in shown] for name, rows in self._by_label.items()}
        fewest = min((counts[name] for name, rows in left.items() if rows), default=0)
        rarest = [rows for name, rows in left.items() if rows and counts[name] == fewest]
        return draw.choice(rarest) if rarest else []

    @cached_property
    def _by_label(self) -> Mapping[str, Sequence[Example]]:
        rows: dict[str, list[Example]] = defaultdict(list)
        for row in self.pool:
            rows[self.stratum(row)].append(row)
        return rows

    def _counts(self, shots: Shots) -> Counter[str]:
        return Counter(map(self.stratum, shots))

    def _exchanged(self, shots: Shots, draw: random.Random) -> Shots:
        """One shot for another row, of the same label if there are labels."""
        place = draw.randrange(len(shots))
        shown, like = {shot.text for shot in shots}, self.stratum(shots[place])
        others = [row for row in self.pool if row.text not in shown and self.stratum(row) == like]
        return (*shots[:place], draw.choice(others), *shots[place + 1 :]) if others else shots

    def _added(self, shots: Shots, draw: random.Random) -> Shots:
        others = self.rarest(shots, draw)
        if len(shots) >= self.most or not others:
            return shots
        place = draw.randrange(len(shots) + 1)
        return (*shots[:place], draw.choice(others), *shots[place:])

    def _one_less(self, shots: Shots, draw: random.Random) -> Shots:
        return self._less(shots, len(shots) - 1, draw.choice)

    def _halved(self, shots: Shots, draw: random.Random) -> Shots:
        return self._less(shots, (len(shots) + 1) // 2, draw.choice)

    def _less(self, shots: Shots, size: int, pick: Callable[[list[int]], int]) -> Shots:
        """size of the shots in their order; what goes, one by one, is picked from the label with the most."""
        kept = list(shots)
        while len(kept) > size:
            counts = self._counts(tuple(kept))
            most = max(counts.values())
            del kept[pick([i for i, shot in enumerate(kept) if counts[self.stratum(shot)] == most])]
        return tuple(kept)


def likeness(rows: Sequence[Example], pool: Sequence[Example]) -> NDArray[np.float64]:
    """(N, P) cosines of the counts of letter triples, those that are rare in the pool counting more."""
    counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit([row.text for row in pool])
    some, others = (counts.transform([row.text for row in each]) for each in (rows, pool))
    found: NDArray[np.float64] = (some @ others.T).toarray()
    return found


def _reordered(shots: Shots, draw: random.Random) -> Shots:
    return tuple(draw.sample(shots, len(shots)))
