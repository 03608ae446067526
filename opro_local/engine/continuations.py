"""Batches of prompts that grow by one token a row and step: their keys and values kept, or all run anew."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from opro_local.engine.cache import Prefix, empty_slab
from opro_local.engine.forward import Body
from opro_local.engine.masks import Columns, columns_of
from opro_local.engine.rows import Row, trunk_row
from opro_local.llm import TokenIds


class Continuation(Protocol):
    """A batch that can go on; every pass ends at the rows' last hidden states (B, d)."""

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Append a token to each row."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        ...


class CachedRows:
    """Rows in a slab; following holds each row's next position (B,)."""

    def __init__(self, body: Body, *, columns: Columns, following: Sequence[int], cache: Cache) -> None:
        self._body = body
        self._columns = columns
        self._following = torch.tensor(following, device=body.device)
        self._cache = cache

    def step(self, tokens: Sequence[int]) -> Tensor:
        self._columns = self._columns.followed_by(self._following)
        self._following = self._following + 1
        return self._body.step(tokens, self._columns, self._cache)

    def keep(self, rows: Sequence[int]) -> None:
        index = torch.tensor(rows, device=self._body.device)
        self._cache.reorder_cache(index)  # type: ignore[arg-type]
        self._columns, self._following = self._columns.kept(index), self._following[index]


class RecomputedRows:
    """Rows that are run from their first token in every step, for models whose state cannot be shared."""

    def __init__(self, body: Body, prompts: Sequence[TokenIds]) -> None:
        self._body = body
        self._rows = list(prompts)

    def run(self) -> Tensor:
        """The last hidden state of each row. -> (B, d)."""
        return _last(self._body.whole(self._rows), [len(row) for row in self._rows])

    def step(self, tokens: Sequence[int]) -> Tensor:
        self._rows = [(*row, token) for row, token in zip(self._rows, tokens, strict=True)]
        return self.run()

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[i] for i in rows]


def behind_prefix(
    body: Body, prompts: Sequence[TokenIds], prefix: Prefix | None
) -> tuple[Tensor, CachedRows]:
    """Run what the prompts have behind their shared prefix. -> hidden (B, d) and the rows to continue."""
    start = prefix.length if prefix else 0
    rows = [trunk_row(prompt, start) for prompt in prompts]
    cache = prefix.slab() if prefix else empty_slab(body.layers)
    hidden, columns = body.behind(rows, cache=cache)
    following = [len(prompt) for prompt in prompts]
    states = _last(hidden, [len(row.ids) for row in rows])
    return states, CachedRows(body, columns=columns, following=following, cache=cache)


def copies(body: Body, prefix: Prefix, n: int) -> tuple[Tensor, CachedRows]:
    """The prefix itself n times; nothing is run. -> hidden (n, d) and the rows to continue."""
    columns = columns_of([Row(start=prefix.length, ids=(), positions=(), until=())] * n, device=body.device)
    rows = CachedRows(body, columns=columns, following=[prefix.length] * n, cache=prefix.slab())
    assert prefix.last_hidden is not None
    return prefix.last_hidden.expand(n, -1), rows


def _last(hidden: Tensor, lengths: Sequence[int]) -> Tensor:
    """The hidden state of each row's last token. (B, S, d) -> (B, d)."""
    last = torch.tensor(lengths, device=hidden.device) - 1
    return hidden[torch.arange(len(lengths), device=hidden.device), last]
