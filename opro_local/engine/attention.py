"""Attention that is ours in a model that is not: it alone knows how the tokens of a line belong together.

The model sees one row of T tokens, padded nowhere. Each of its layers calls packed_attention, which hands the
layer's queries, keys and values to the blocks of the pass under way: rows behind their prefixes (lines.py) or
the newest tokens of replies (slots.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import torch
from torch import Tensor
from torch.library import Library, register_fake
from transformers import AttentionInterface

from opro_local.engine.asking import Heads
from opro_local.engine.cache import LayerStates
from opro_local.engine.masks import AttentionKinds, NoReuse

PACKED_ATTENTION = "opro_packed"
"""The name under which transformers finds packed_attention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model's attention is like, layer by layer."""

    kinds: AttentionKinds
    heads: tuple[Heads, ...]
    dtype: torch.dtype
    device: torch.device


class Blocks(Protocol):
    """How the T tokens of a line belong together."""

    def attend(self, layer: int, query: Tensor, own: LayerStates, scale: float | None) -> Tensor:
        """What a layer of H heads sees. query (T, H, D), own keys and values (T, Hkv, D) -> (T, H, D)."""
        ...


class Pass:
    """A pass of one line through the layers, which ask in their order (see asking)."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._layers = count()

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        """The next layer's attention. query (1, H, T, D), key and value (1, Hkv, T, D) -> (1, T, H, D)."""
        query, key, value = (states[0].transpose(0, 1) for states in (query, key, value))
        return self._blocks.attend(next(self._layers), query, (key, value), scale)[None].contiguous()


_under_way: ContextVar[Pass] = ContextVar("pass under way")


@contextmanager
def passing(blocks: Blocks) -> Iterator[None]:
    """Inside, packed_attention is that of these blocks, for one pass."""
    token = _under_way.set(Pass(blocks))
    try:
        yield
    finally:
        _under_way.reset(token)


def _attend(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    return _under_way.get().attend(query, key, value, scale)


def _attended_shape(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    rows, heads, tokens, _ = query.shape
    return query.new_empty(rows, tokens, heads, value.shape[-1])


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """What transformers calls in every layer. Raises NoReuse if the layer's attention is no plain one.

    query (1, H, T, D), key and value (1, Hkv, T, D) -> (1, T, H, D). To a compiled layer it is one operator
    whose inside it does not see.
    """
    if softcap is not None or s_aux is not None:
        raise NoReuse("its attention is capped or has sinks")
    attend = torch.ops.opro_local.attend if torch.compiler.is_compiling() else _attend
    return attend(query, key, value, scaling), None


AttentionInterface.register(PACKED_ATTENTION, packed_attention)

_OPERATORS = Library("opro_local", "DEF")  # type: ignore[no-untyped-call]
_OPERATORS.define("attend(Tensor query, Tensor key, Tensor value, float? scale) -> Tensor")  # type: ignore[no-untyped-call]
_OPERATORS.impl("attend", _attend, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
register_fake("opro_local::attend", _attended_shape, lib=_OPERATORS)
