"""Three ways to run rows behind prefixes that were run before; all give the hidden states of E0.

E1 pads the rows of one prefix to a batch and copies the prefix for each of them. E2 puts the rows of one
prefix into one line, each hidden from the others by the mask: nothing is padded or copied, but every token
is compared with every other. E3 puts rows of any prefixes into one line; its own attention compares a token
only with what it may see. E1 and E2 use the model's own attention, and so serve models whose attention is
no plain one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Protocol

from torch import Tensor
from transformers.cache_utils import Cache

from opro_local.engine.cache import Placed, Prefix, joined_prefix
from opro_local.engine.forward import Body
from opro_local.engine.plan import CACHED_TOKENS_A_TOKEN, line_chunks, padded_chunks
from opro_local.engine.rows import joined

LINE_TOKENS = 256
"""E2 lines are at most that long, or as long as their prefix: the work of attention grows with the square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Hidden states (N, d) of many rows in one line; row i begins at firsts[i]."""

    hidden: Tensor
    firsts: tuple[int, ...]


class Reuse(Protocol):
    """A level that reuses. token_budget bounds the tokens of one forward, pads included."""

    @property
    def token_budget(self) -> int: ...
    def chunks(self, rows: Sequence[Placed]) -> list[list[int]]:
        """Which rows go through together. Rows behind the same prefix are given side by side."""
        ...

    def run(self, rows: Sequence[Placed]) -> States:
        """The hidden states of the rows of one chunk."""
        ...

    def extend(self, rows: Sequence[Placed]) -> list[Prefix]:
        """Each row, a trunk, and what it stands behind as one longer prefix."""
        ...


@dataclass(frozen=True, slots=True)
class PaddedRows:
    """E1."""

    body: Body
    token_budget: int

    def chunks(self, rows: Sequence[Placed]) -> list[list[int]]:
        def padded(first: int, group: Sequence[Placed]) -> list[list[int]]:
            lengths = [len(placed.row.ids) for placed in group]
            chunks = padded_chunks(lengths, shared=group[0].row.start, budget=self.token_budget)
            return [[first + at for at in chunk] for chunk in chunks]

        return [chunk for first, group in _by_prefix(rows) for chunk in padded(first, group)]

    def run(self, rows: Sequence[Placed]) -> States:
        hidden, _ = self.body.behind([placed.row for placed in rows], cache=_cache(rows))
        width = hidden.shape[1]
        return States(hidden=hidden.flatten(0, 1), firsts=tuple(range(0, len(rows) * width, width)))

    def extend(self, rows: Sequence[Placed]) -> list[Prefix]:
        return [self.body.prefix(placed) for placed in rows]


@dataclass(frozen=True, slots=True)
class OneRow:
    """E2."""

    body: Body
    token_budget: int

    def chunks(self, rows: Sequence[Placed]) -> list[list[int]]:
        def lines(first: int, group: Sequence[Placed]) -> list[list[int]]:
            longest = max(LINE_TOKENS, group[0].row.start)
            costs = [len(placed.row.ids) for placed in group]
            chunks = line_chunks(costs, budget=min(self.token_budget, longest))
            return [[first + at for at in chunk] for chunk in chunks]

        return [chunk for first, group in _by_prefix(rows) for chunk in lines(first, group)]

    def run(self, rows: Sequence[Placed]) -> States:
        hidden, _ = self.body.behind([joined([placed.row for placed in rows])], cache=_cache(rows))
        return States(hidden=hidden[0], firsts=_firsts(rows))

    def extend(self, rows: Sequence[Placed]) -> list[Prefix]:
        return [self.body.prefix(placed) for placed in rows]


@dataclass(frozen=True, slots=True)
class PackedTokens:
    """E3."""

    body: Body
    token_budget: int

    def chunks(self, rows: Sequence[Placed]) -> list[list[int]]:
        # Within a prefix the longest first, so that the blocks of a line are of like size.
        order = [
            first + at
            for first, group in _by_prefix(rows)
            for at in sorted(range(len(group)), key=lambda at: -len(group[at].row.ids))
        ]
        costs = [len(rows[i].row.ids) + rows[i].row.start // CACHED_TOKENS_A_TOKEN for i in order]
        chunks = line_chunks(costs, budget=self.token_budget)
        return [[order[at] for at in chunk] for chunk in chunks]

    def run(self, rows: Sequence[Placed]) -> States:
        hidden, _ = self.body.packed(rows)
        return States(hidden=hidden, firsts=_firsts(rows))

    def extend(self, rows: Sequence[Placed]) -> list[Prefix]:
        hidden, kept = self.body.packed(rows, keep=True)
        ends = [first + len(placed.row.ids) for placed, first in zip(rows, _firsts(rows), strict=True)]
        return [
            joined_prefix(
                placed.prefix,
                [(keys[first:end], values[first:end]) for keys, values in kept],
                hidden[end - 1 : end],
            )
            for placed, first, end in zip(rows, _firsts(rows), ends, strict=True)
        ]


def _by_prefix(rows: Sequence[Placed]) -> Iterator[tuple[int, Sequence[Placed]]]:
    """Neighbours behind the same prefix, with the index of the first."""
    first = 0
    for _, group in groupby(rows, key=lambda placed: id(placed.prefix)):
        members = list(group)
        yield first, members
        first += len(members)


def _cache(rows: Sequence[Placed]) -> Cache | None:
    """The cache of rows behind one and the same prefix."""
    prefix = rows[0].prefix
    return prefix.cache() if prefix else None


def _firsts(rows: Sequence[Placed]) -> tuple[int, ...]:
    return tuple(accumulate((len(placed.row.ids) for placed in rows[:-1]), initial=0))
