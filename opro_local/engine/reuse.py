"""Two ways to run rows behind prefixes that were run before; both give the hidden states of E0.

E2 puts the rows of one prefix into one line, each hidden from the others by the mask: nothing is padded or
copied, but every token is compared with every other. It uses the model's own attention, and so serves models
whose attention is no plain one. E3 puts rows of any prefixes into one line; its own attention compares a
token only with what it may see.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Protocol

from torch import Tensor
from transformers.cache_utils import DynamicCache

from opro_local.engine.cache import LayerStates, Placed, Prefix, Trail, own_states
from opro_local.engine.continuations import CachedRows
from opro_local.engine.forward import Body
from opro_local.engine.lines import BLOCK_TOKENS
from opro_local.engine.plan import CACHED_TOKENS_A_TOKEN, line_chunks
from opro_local.engine.rows import Row, joined
from opro_local.engine.transfer import sent

MASK_CELLS = 2**23
"""Pairs of a token and what it may see that a mask of E3 has at most, if not for one row alone."""

LINE_TOKENS = 256
"""E2 lines are at most that long, or as long as their prefix: the work of attention grows with the square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Hidden states (N, d) of many rows in one line; row i begins at firsts[i].

    kept, where it was asked for, holds each layer's keys and values of the N tokens.
    """

    hidden: Tensor
    firsts: tuple[int, ...]
    kept: list[LayerStates]

    def trail(self, row: int, placed: Placed, columns: Sequence[int]) -> Trail:
        """What a row stands behind, and these columns of its own."""
        first = self.firsts[row]
        cells = sent([first + column for column in columns], self.hidden.device)
        own = tuple((keys[cells], values[cells]) for keys, values in self.kept)
        return Trail(prefix=placed.prefix, own=own)


class Reuse(Protocol):
    """A level that reuses. token_budget bounds the tokens of one forward, pads included."""

    @property
    def token_budget(self) -> int: ...
    def chunks(self, rows: Sequence[Placed]) -> list[list[int]]:
        """Which rows go through together. Rows behind the same prefix are given side by side."""
        ...

    def run(self, rows: Sequence[Placed], *, keep: bool = False) -> States:
        """The hidden states of the rows of one chunk, and with keep their keys and values."""
        ...

    def growing(self, trails: Sequence[Trail]) -> CachedRows:
        """Rows that go on behind these. Trails with the same prefix are given side by side."""
        ...


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

    def run(self, rows: Sequence[Placed], *, keep: bool = False) -> States:
        line = joined([placed.row for placed in rows])
        return _run_line(self.body, line, rows[0].prefix, _firsts(rows), keep=keep)

    def growing(self, trails: Sequence[Trail]) -> CachedRows:
        return CachedRows(self.body, trails, self.body.step)


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
        chunks = line_chunks([_cost(rows[i].row) for i in order], budget=self.token_budget)
        lines = [[order[at] for at in chunk] for chunk in chunks]
        return [part for line in lines for part in _of_like_size(line, rows)]

    def run(self, rows: Sequence[Placed], *, keep: bool = False) -> States:
        hidden, kept = self.body.packed(rows, keep=keep)
        return States(hidden=hidden, firsts=_firsts(rows), kept=kept)

    def growing(self, trails: Sequence[Trail]) -> CachedRows:
        return CachedRows(self.body, trails, self.body.packed_step, self.body.record)


def _cost(row: Row) -> int:
    """Tokens to run, and the row's share of the cached ones that its block reads."""
    block = max(BLOCK_TOKENS, row.start // 2)
    return len(row.ids) + row.start * min(len(row.ids), block) // (block * CACHED_TOKENS_A_TOKEN)


def _of_like_size(line: Sequence[int], rows: Sequence[Placed]) -> list[list[int]]:
    """A line, cut by the length of its rows where one long row would make the masks of all too large."""
    if _mask_cells([rows[i].row for i in line]) <= MASK_CELLS:
        return [list(line)]
    parts: list[list[int]] = []
    for at in sorted(line, key=lambda i: -len(rows[i].row.ids)):
        if parts and _mask_cells([rows[i].row for i in (*parts[-1], at)]) <= MASK_CELLS:
            parts[-1].append(at)
        else:
            parts.append([at])
    return parts


def _mask_cells(rows: Sequence[Row]) -> int:
    """At most so many has the mask of a line: rows padded to the longest, and to the longest start."""
    own = max(len(row.ids) for row in rows)
    return len(rows) * own * (own + max(row.start for row in rows))


def _run_line(body: Body, line: Row, prefix: Prefix | None, firsts: tuple[int, ...], *, keep: bool) -> States:
    """A line behind one prefix through the model's own attention."""
    if not keep:
        hidden = body.behind([line], cache=prefix.cache() if prefix else None)
        return States(hidden=hidden.flatten(0, 1), firsts=firsts, kept=[])
    # Made without the config, a cache keeps all keys of sliding layers.
    cache = prefix.growing() if prefix else DynamicCache()
    hidden = body.behind([line], cache=cache)
    return States(hidden=hidden.flatten(0, 1), firsts=firsts, kept=own_states(cache, line.start))


def _by_prefix(rows: Sequence[Placed]) -> Iterator[tuple[int, Sequence[Placed]]]:
    """Neighbours behind the same prefix, with the index of the first."""
    first = 0
    for _, group in groupby(rows, key=lambda placed: id(placed.prefix)):
        members = list(group)
        yield first, members
        first += len(members)


def _firsts(rows: Sequence[Placed]) -> tuple[int, ...]:
    return tuple(accumulate((len(placed.row.ids) for placed in rows[:-1]), initial=0))
