"""Keys and values of tokens that went through the model: shared and read-only, or growing in place.

Both layers keep every token, also those of sliding attention: the masks do the windows, so that what is
kept can serve any number of rows at any length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

from opro_local.engine.rows import Row

GROWTH_TOKENS, GROWTH_SHARE = 16, 8
"""Spare columns of a slab: at least so many, and an eighth of what it holds, so that it is copied seldom."""

COLUMNS = 16
"""What is looked at is a multiple of so many columns: for others a CPU's kernels take half as long again."""

LayerStates = tuple[Tensor, Tensor]
"""Keys and values of a layer by token, both (N, heads, D)."""


class SharedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One row's keys and values (1, heads, P, D), read by any number of rows and never changed."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys, self.values = keys, values
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """The shared tokens followed by the given ones (B, heads, S, D); nothing is stored."""
        return _behind(self.keys, key_states), _behind(self.values, value_states)


Parts = Sequence[tuple[int, LayerStates]]
"""States of a row with the column that they begin at."""


class SlabRoom:
    """How far all slabs of a batch are filled, and where each row's next tokens go.

    used counts on the host what is written. at (new,) holds the columns of the next tokens on the device, so
    that a step is the same calls every time.
    """

    def __init__(self, used: int, new: int, device: torch.device, *, spare: int = 0) -> None:
        """Begin with so many columns; every step writes new more.

        With spare columns all are looked at, pads too, so that a step has one shape until slabs grow.
        """
        self.used = used
        self.at = torch.arange(used, used + new, device=device)
        self._spare = spare
        self.columns = _rounded(used + new + spare)

    @property
    def seen(self) -> int:
        """Columns that the next tokens may look at, themselves and pads included."""
        return self.columns if self._spare else self._needed

    @property
    def _needed(self) -> int:
        return _rounded(self.used + len(self.at))

    def reserve(self) -> bool:
        """Have room for the next tokens. -> whether the slabs must grow to so many columns."""
        needed = self._needed
        if needed <= self.columns:
            return False
        self.columns = _rounded(needed + max(self._spare, GROWTH_TOKENS, needed // GROWTH_SHARE))
        return True

    def move_on(self) -> None:
        """On the device: the next tokens go behind these."""
        self.at += len(self.at)

    def count(self) -> None:
        """On the host: what was written is used."""
        self.used += len(self.at)


class SlabLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Rows that grow step by step, written into buffers with room to spare instead of copied each time."""

    def __init__(self, rows: Sequence[Parts], room: SlabRoom) -> None:
        """The columns that no part fills are pads."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._room = room
        self.keys, self.values = (
            _slab([[(at, states[which]) for at, states in parts] for parts in rows], room.columns)
            for which in (0, 1)
        )
        self.is_initialized = True

    def grow(self) -> None:
        """Have as many columns as there is room for."""
        self.keys, self.values = (_widened(states, self._room.columns) for states in _tensors(self))

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write the next tokens (B, heads, S, D); returns views of all columns that they may look at."""
        keys, values = _tensors(self)
        keys.index_copy_(2, self._room.at, key_states)
        values.index_copy_(2, self._room.at, value_states)
        return keys[:, :, : self._room.seen], values[:, :, : self._room.seen]

    def row(self, at: int, columns: Tensor) -> LayerStates:
        """Keys and values of a row by token, at these columns."""
        keys, values = (states[at].index_select(1, columns).transpose(0, 1) for states in _tensors(self))
        return keys, values

    def get_seq_length(self) -> int:
        return self._room.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Tokens that went through the model, one behind the other: their keys and values."""

    length: int
    layers: tuple[SharedLayer, ...]

    @property
    def bytes(self) -> int:
        """What its keys and values take in memory."""
        return sum(tensor.nbytes for layer in self.layers for tensor in _tensors(layer))

    def by_token(self, layer: int) -> LayerStates:
        """Keys and values of a layer, a view."""
        keys, values = _tensors(self.layers[layer])
        return keys[0].transpose(0, 1), values[0].transpose(0, 1)

    def first(self, tokens: int) -> "Prefix":
        """The prefix's own prefix, a view."""
        layers = (
            SharedLayer(keys[:, :, :tokens], values[:, :, :tokens])
            for keys, values in map(_tensors, self.layers)
        )
        return Prefix(length=tokens, layers=tuple(layers))

    def cache(self) -> Cache:
        """A view: the rows behind the prefix leave nothing in it."""
        return Cache(layers=list(self.layers))

    def growing(self) -> Cache:
        """A cache that keeps, in tensors of its own, what comes behind the prefix."""
        return Cache(layers=[_growing_layer(*_tensors(layer)) for layer in self.layers])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A row behind a prefix of row.start tokens; None where that is 0."""

    row: Row
    prefix: Prefix | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What a row goes on behind: a prefix that others may share, then tokens of its own.

    own holds their keys and values, a pair a layer.
    """

    prefix: Prefix | None
    own: tuple[LayerStates, ...]

    @property
    def start(self) -> int:
        """Tokens of the prefix."""
        return self.prefix.length if self.prefix else 0

    @property
    def length(self) -> int:
        """Tokens of its own."""
        return len(self.own[0][0]) if self.own else 0

    @property
    def bytes(self) -> int:
        """What its keys and values take in memory where it shares nothing."""
        own = sum(tensor.nbytes for states in self.own for tensor in states)
        return own + (self.prefix.bytes if self.prefix else 0)

    def joined(self) -> Prefix:
        """All of it as one prefix; where it has tokens of its own, all is copied."""
        return joined_prefix(self.prefix, self.own) if self.own or self.prefix is None else self.prefix


def joined_prefix(prefix: Prefix | None, behind: Sequence[LayerStates]) -> Prefix:
    """A prefix and the states of the tokens behind it, one pair a layer, as one prefix; all is copied."""
    layers = (
        tuple(
            torch.cat(parts) for parts in zip(*((prefix.by_token(i),) if prefix else ()), states, strict=True)
        )
        for i, states in enumerate(behind)
    )
    shared = tuple(SharedLayer(*(states.transpose(0, 1)[None] for states in layer)) for layer in layers)
    return Prefix(length=shared[0].get_seq_length(), layers=shared)


def own_states(cache: Cache, start: int) -> list[LayerStates]:
    """What rows of one width left in a cache behind its first start tokens, row after row."""
    return [(_own(keys, start), _own(values, start)) for keys, values in map(_tensors, cache.layers)]


def _tensors(layer: object) -> tuple[Tensor, Tensor]:
    if not isinstance(layer, CacheLayerMixin) or layer.keys is None or layer.values is None:
        raise ValueError("a layer keeps no keys and values of its own")
    return layer.keys, layer.values


def _own(states: Tensor, start: int) -> Tensor:
    return states[:, :, start:].transpose(1, 2).flatten(0, 1)


def _growing_layer(keys: Tensor, values: Tensor) -> DynamicLayer:
    layer = DynamicLayer()  # type: ignore[no-untyped-call]
    layer.keys, layer.values = keys, values
    layer.is_initialized = True
    return layer


def _behind(shared: Tensor | None, states: Tensor) -> Tensor:
    assert shared is not None
    return torch.cat([shared.expand(states.shape[0], -1, -1, -1), states], dim=-2)


def _slab(rows: Sequence[Sequence[tuple[int, Tensor]]], columns: int) -> Tensor:
    """A buffer (B, heads, columns, D) with the rows' parts (N, heads, D) at their columns."""
    (_, some), *_ = next(parts for parts in rows if parts)
    slab = some.new_zeros(len(rows), some.shape[1], columns, some.shape[2])
    for at, parts in enumerate(rows):
        for first, states in parts:
            slab[at, :, first : first + len(states)] = states.transpose(0, 1)
    return slab


def _widened(old: Tensor, columns: int) -> Tensor:
    return torch.cat([old, old.new_zeros(*old.shape[:2], columns - old.shape[-2], old.shape[3])], dim=-2)


def _rounded(columns: int) -> int:
    return -(-columns // COLUMNS) * COLUMNS
