"""Batches of prompts that grow by one token a row and step: their keys and values kept, or all run anew."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from opro_local.engine.cache import Prefix, stacked
from opro_local.engine.forward import Body
from opro_local.engine.masks import columns_of
from opro_local.engine.rows import Row
from opro_local.llm import TokenIds


class Continuation(Protocol):
    """A batch that can go on; every step ends at the rows' last hidden states (B, d)."""

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Append a token to each row."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        ...


class CachedRows:
    """Rows that go on behind what was run before, a prefix each."""

    def __init__(self, body: Body, prefixes: Sequence[Prefix]) -> None:
        self._body = body
        self._cache = stacked(prefixes)
        empty = [Row(start=prefix.length, ids=(), positions=(), until=()) for prefix in prefixes]
        self._columns = columns_of(empty, device=body.device)
        self._following = torch.tensor([prefix.length for prefix in prefixes], device=body.device)

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
        hidden = self._body.whole(self._rows)
        last = torch.tensor([len(row) - 1 for row in self._rows], device=hidden.device)
        return hidden[torch.arange(len(self._rows), device=hidden.device), last]

    def step(self, tokens: Sequence[int]) -> Tensor:
        self._rows = [(*row, token) for row, token in zip(self._rows, tokens, strict=True)]
        return self.run()

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[i] for i in rows]
