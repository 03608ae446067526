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

GROWTH_TOKENS = 64
"""Spare columns of a slab, so that its rows are copied once in so many steps."""

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


class SlabLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Rows that grow step by step, written into buffers with room to spare instead of copied each time."""

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None) -> None:
        """Begin with the shared keys and values (1, heads, P, D), copied for each row of the first update."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys, self.values = keys, values
        self._used = 0 if keys is None else keys.shape[-2]
        self._own = False  # what is still shared has one row for all
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append (B, heads, S, D); returns views of all columns so far."""
        start, end = self._used, self._used + key_states.shape[-2]
        if self.keys is None or end > self.keys.shape[-2]:  # what was shared is always full, so never written
            self.keys = _roomier(self.keys, key_states, end + GROWTH_TOKENS)
            self.values = _roomier(self.values, value_states, end + GROWTH_TOKENS)
            self._own = True
        keys, values = _tensors(self)
        keys[:, :, start:end], values[:, :, start:end] = key_states, value_states
        self._used = end
        return keys[:, :, :end], values[:, :, :end]

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        if self._own:
            super().reorder_cache(beam_idx)

    def get_seq_length(self) -> int:
        return self._used


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Tokens that were run alone: their keys and values, and the last one's hidden state (1, d) if known."""

    length: int
    layers: tuple[SharedLayer, ...]
    last_hidden: Tensor | None

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
        return Prefix(length=tokens, layers=tuple(layers), last_hidden=None)

    def cache(self) -> Cache:
        """A view for scoring: the rows behind the prefix leave nothing behind."""
        return Cache(layers=list(self.layers))

    def growing(self) -> Cache:
        """A cache that keeps what comes behind the prefix, in tensors of its own."""
        return Cache(layers=[_growing_layer(*_tensors(layer)) for layer in self.layers])

    def slab(self) -> Cache:
        """A copy for decoding, made when the first rows come."""
        return Cache(layers=[SlabLayer(layer.keys, layer.values) for layer in self.layers])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A row behind a prefix of row.start tokens; None where that is 0."""

    row: Row
    prefix: Prefix | None


def joined_prefix(prefix: Prefix | None, behind: Sequence[LayerStates], last_hidden: Tensor) -> Prefix:
    """A prefix and the states of the tokens behind it, one pair a layer, as one prefix; all is copied."""
    layers = (
        tuple(
            torch.cat(parts) for parts in zip(*((prefix.by_token(i),) if prefix else ()), states, strict=True)
        )
        for i, states in enumerate(behind)
    )
    shared = tuple(SharedLayer(*(states.transpose(0, 1)[None] for states in layer)) for layer in layers)
    return Prefix(length=shared[0].get_seq_length(), layers=shared, last_hidden=last_hidden)


def empty_slab(layers: int) -> Cache:
    """Decoding without a shared prefix."""
    return Cache(layers=[SlabLayer() for _ in range(layers)])


def prefix_of(cache: Cache, *, last_hidden: Tensor) -> Prefix:
    """What one row left in a cache."""
    layers = tuple(SharedLayer(*_tensors(layer)) for layer in cache.layers)
    return Prefix(length=layers[0].get_seq_length(), layers=layers, last_hidden=last_hidden)


def _tensors(layer: object) -> tuple[Tensor, Tensor]:
    if not isinstance(layer, CacheLayerMixin) or layer.keys is None or layer.values is None:
        raise ValueError("a layer keeps no keys and values of its own")
    return layer.keys, layer.values


def _growing_layer(keys: Tensor, values: Tensor) -> DynamicLayer:
    layer = DynamicLayer()  # type: ignore[no-untyped-call]
    layer.keys, layer.values, layer.is_initialized = keys, values, True
    return layer


def _behind(shared: Tensor | None, states: Tensor) -> Tensor:
    assert shared is not None
    return torch.cat([shared.expand(states.shape[0], -1, -1, -1), states], dim=-2)


def _roomier(old: Tensor | None, states: Tensor, columns: int) -> Tensor:
    """A buffer of that many columns that begins with the old ones, repeated for each row if shared."""
    rows, heads, _, width = states.shape
    new = states.new_zeros(rows, heads, columns, width)
    if old is not None:
        new[:, :, : old.shape[-2]] = old
    return new
