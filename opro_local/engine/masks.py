"""Attention masks from columns and positions, one for each reach of the model's attention layers.

A mask is 4-D and additive (0 or the dtype's most negative number), the only form that both sdpa and eager
attention take as it is. Windows count positions, not columns, so padding and branches do not stretch them.
How far a layer reaches is asked of the model, see asking: what its configuration says may be left over from
another architecture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from opro_local.engine.rows import FOREVER, Row
from opro_local.engine.transfer import sent


class NoReuse(Exception):
    """This model's state cannot be shared between prompts; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What stands in each column of B rows, cached tokens first, then Q that ask what they see.

    positions and until are (B, K).
    """

    positions: Tensor
    until: Tensor
    queries: int

    @property
    def asking(self) -> Tensor:
        """Positions of those that ask (B, Q)."""
        return self.positions[:, -self.queries :]

    def seen(self) -> Tensor:
        """Which columns those that ask see: up to their own, as far as until allows. -> (B, Q, K)."""
        return visible(self.until, self.queries)


EVERYBODY, NOBODY = -1, -2
"""Whose a column may be beside a slot's: a token that all slots see, and a pad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotColumns:
    """What stands in each column of B blocks of slots, whose newest tokens ask what they see.

    owners tells the slot that a column belongs to, by its number; positions and owners are (B, K). asking
    (B, slots) holds the positions of the newest tokens.
    """

    positions: Tensor
    owners: Tensor
    asking: Tensor

    def seen(self) -> Tensor:
        """Which columns each slot sees: those for all and its own. -> (B, slots, K)."""
        owners = self.owners[:, None, :]
        slots = torch.arange(self.asking.shape[1], dtype=self.owners.dtype, device=self.owners.device)
        return (owners == EVERYBODY) | (owners == slots[:, None])


def columns_of(rows: Sequence[Row], *, device: torch.device, spare: int = 0) -> Columns:
    """Columns of rows: their cached tokens, then their own, both padded on the right.

    A pad among the cached tokens, of which the longest row has so many spare ones, is seen by nobody; a pad
    among a row's own by itself alone.
    """
    cached, own = max(row.start for row in rows) + spare, max(len(row.ids) for row in rows)
    until = [
        [
            *[FOREVER] * row.start,
            *[0] * (cached - row.start),
            *(min(end + cached, FOREVER) for end in row.until),
            *range(cached + len(row.ids) + 1, cached + own + 1),
        ]
        for row in rows
    ]
    positions = [
        [*range(row.start), *[0] * (cached - row.start), *row.positions, *[0] * (own - len(row.ids))]
        for row in rows
    ]
    return Columns(positions=_small(positions, device), until=_small(until, device), queries=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far back a layer sees: window tokens, itself included; to the start of its chunk; or everything."""

    window: int | None = None
    chunk: int | None = None

    def sees(self, positions: Tensor, asking: Tensor) -> Tensor | None:
        """Which columns (B, K) are near enough for those that ask (B, Q), None for all. -> (B, Q, K)."""
        if self.window is not None:
            return within(positions, asking, self.window)
        if self.chunk is not None:
            return (positions // self.chunk)[:, None, :] == (asking // self.chunk)[:, :, None]
        return None


FULL = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionKinds:
    """The reach of each layer. keys are the names by which the model takes a mask for each layer.

    They are empty if it takes one mask for all, and None if it takes none that serves all its layers.
    """

    layers: tuple[Reach, ...]
    keys: tuple[str, ...] | None

    @property
    def lengths(self) -> set[int]:
        """The lengths of its windows and chunks; empty if every layer sees everything."""
        return {length for reach in self.layers for length in (reach.window, reach.chunk) if length}

    def masks(self, columns: Columns | SlotColumns, dtype: torch.dtype) -> dict[Reach, Tensor]:
        """The mask (B, 1, Q, K) of each reach, for the tokens that ask."""
        sees = columns.seen()
        near = {reach: reach.sees(columns.positions, columns.asking) for reach in dict.fromkeys(self.layers)}
        return {
            reach: _additive(sees if close is None else sees & close, dtype) for reach, close in near.items()
        }

    def for_model(self, masks: dict[Reach, Tensor]) -> Tensor | dict[str, Tensor]:
        """The masks in the form in which the model takes them. Raises NoReuse if there is none."""
        if self.keys is None:
            raise NoReuse("it takes no masks from outside")
        named = {key: masks[reach] for key, reach in zip(self.keys, self.layers, strict=bool(self.keys))}
        return named or masks[self.layers[0]]


def visible(until: Tensor, queries: int) -> Tensor:
    """Which of K columns the last queries see: up to their own, as far as until allows. -> (B, Q, K)."""
    columns = torch.arange(until.shape[1], dtype=until.dtype, device=until.device)
    asking = columns[-queries:, None]
    return (columns <= asking) & (asking < until[:, None, :])


def within(positions: Tensor, asking: Tensor, window: int) -> Tensor:
    """Which columns (B, K) lie fewer than window positions behind those that ask (B, Q). -> (B, Q, K)."""
    return positions[:, None, :] > asking[:, :, None] - window


def _additive(sees: Tensor, dtype: torch.dtype) -> Tensor:
    nothing = torch.zeros((), dtype=dtype, device=sees.device)
    return torch.where(sees, nothing, torch.finfo(dtype).min)[:, None]


def _small(numbers: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """32-bit numbers: masks compare every one with every other."""
    return sent(numbers, device, torch.int32)
