"""Keys and values of prefixes, kept over the calls of a whole run within a budget of bytes.

What is dropped when the budget is full follows GreedyDual-Size-Frequency (Cherkasova 1998), all entries
costing alike per byte: an entry is worth the clock at its last use plus the number of its uses, and the
clock is the worth of what was dropped last. So the questions, which come back in every step, stay as far as
the budget goes, and the instructions of past steps make room. Dropping changes no number: what is missing
is run again.
"""

from bisect import bisect_left
from dataclasses import dataclass

from opro_local.engine.cache import Prefix
from opro_local.llm import TokenIds, common_length

Cuts = tuple[int, ...]
"""The lengths at which a prefix was cut: each piece was run behind the ones before it."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    """A kept prefix; entered numbers the entries in the order of their coming."""

    ids: TokenIds
    prefix: Prefix
    entered: int
    cuts: Cuts
    uses: int = 0
    worth: int = 0


@dataclass(slots=True, kw_only=True)
class StoreFigures:
    """What the store did: tokens that were wanted as prefixes, those found, and entries dropped."""

    tokens_wanted: int = 0
    tokens_found: int = 0
    dropped: int = 0


class PrefixStore:
    """Finds the longest kept beginning of a prefix. Entries are never written after they are kept."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._entries: dict[TokenIds, _Entry] = {}
        self._sorted: list[TokenIds] = []
        self._clock = 0
        self._entered = 0
        self.bytes = 0
        self.figures = StoreFigures()

    def __len__(self) -> int:
        return len(self._entries)

    def ids(self) -> list[TokenIds]:
        """The kept prefixes, in lexicographic order."""
        return list(self._sorted)

    def matched(self, ids: TokenIds) -> int:
        """How many of the first tokens are kept."""
        return max((common_length(ids, other) for other in self._neighbours(ids)), default=0)

    def find(self, ids: TokenIds) -> Prefix | None:
        """The longest kept beginning of ids, None if there is none; it counts as a use."""
        self.figures.tokens_wanted += len(ids)
        best = max(self._neighbours(ids), key=lambda other: common_length(ids, other), default=())
        length = common_length(ids, best)
        if not length:
            return None
        self.figures.tokens_found += length
        entry = self._use(self._entries[best])
        return entry.prefix if length == entry.prefix.length else entry.prefix.first(length)

    def made_so(self, ids: TokenIds, cuts: Cuts) -> Prefix | None:
        """What is kept of just these ids, if it was run in these pieces; it counts as a use."""
        entry = self._entries.get(ids)
        found = entry is not None and entry.cuts == cuts
        self.figures.tokens_wanted += len(ids)
        self.figures.tokens_found += len(ids) if found else 0
        return self._use(entry).prefix if entry and found else None

    def keep(self, ids: TokenIds, prefix: Prefix, cuts: Cuts = ()) -> None:
        """Take a prefix in if there is room for it, or for as long as it is worth more than another.

        cuts are where it was cut into pieces, for who asks how it was made.
        """
        if ids in self._entries or prefix.bytes > self._budget:
            return
        position = bisect_left(self._sorted, ids)
        self._sorted.insert(position, ids)
        self._entries[ids] = self._use(_Entry(ids=ids, prefix=prefix, entered=self._entered, cuts=cuts))
        self._entered += 1
        self.bytes += prefix.bytes
        while self.bytes > self._budget:
            self._drop()

    def clear(self) -> None:
        """Forget all prefixes and start the figures anew."""
        self._entries.clear()
        self._sorted.clear()
        self._clock = self.bytes = 0
        self.figures = StoreFigures()

    def _use(self, entry: _Entry) -> _Entry:
        entry.uses += 1
        entry.worth = self._clock + entry.uses
        return entry

    def _drop(self) -> None:
        """Drop what is worth least, of equals the one that came last."""
        entry = min(self._entries.values(), key=lambda entry: (entry.worth, -entry.entered))
        del self._entries[entry.ids]
        del self._sorted[bisect_left(self._sorted, entry.ids)]
        self._clock = entry.worth
        self.bytes -= entry.prefix.bytes
        self.figures.dropped += 1

    def _neighbours(self, ids: TokenIds) -> list[TokenIds]:
        """The kept prefixes on both sides of ids in lexicographic order: one of them shares the most."""
        at = bisect_left(self._sorted, ids)
        return self._sorted[max(0, at - 1) : at + 1]
