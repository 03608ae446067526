"""Attention masks from columns and positions, one for each kind of attention layer.

A mask is 4-D and additive (0 or the dtype's most negative number), the only form that both sdpa and eager
attention take as it is. Windows count positions, not columns, so padding and branches do not stretch them.
Models with several kinds of layers want a dict by kind: a single tensor would be accepted and silently
wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PretrainedConfig

from opro_local.engine.rows import FOREVER, Row

KNOWN_KINDS = frozenset({"full_attention", "sliding_attention"})

Masks = Tensor | dict[str, Tensor]


class NoReuse(Exception):
    """This model's state cannot be shared between prompts; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What stands in each column of B rows, cached tokens first: positions and until, both (B, K)."""

    positions: Tensor
    until: Tensor

    def followed_by(self, positions: Tensor) -> "Columns":
        """One more column of trunk tokens. positions (B,)."""
        return Columns(
            positions=torch.cat([self.positions, positions[:, None]], dim=1),
            until=torch.cat([self.until, torch.full_like(positions[:, None], FOREVER)], dim=1),
        )

    def kept(self, rows: Tensor) -> "Columns":
        """Only these rows."""
        return Columns(positions=self.positions[rows], until=self.until[rows])


def columns_of(rows: Sequence[Row], *, start: int, device: torch.device) -> Columns:
    """Columns of rows behind start shared tokens, padded on the right; a pad is seen by itself alone."""
    width = max(len(row.ids) for row in rows)
    pads = range(start + 1, start + width + 1)  # until of a pad in each of the rows' columns
    until = [
        [FOREVER] * start + [min(end + start, FOREVER) for end in row.until] + [*pads[len(row.ids) :]]
        for row in rows
    ]
    positions = [[*range(start), *row.positions] + [0] * (width - len(row.ids)) for row in rows]
    return Columns(positions=torch.tensor(positions, device=device), until=torch.tensor(until, device=device))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionKinds:
    """What a model's layers see: window is None where all is full attention; by_kind: masks go by it."""

    window: int | None
    by_kind: bool

    def masks(self, columns: Columns, *, queries: int, dtype: torch.dtype) -> Masks:
        """Masks (B, 1, queries, K) for the tokens in the last columns."""
        sees = visible(columns.until, queries)
        near = sees if self.window is None else sees & within(columns.positions, queries, self.window)
        if not self.by_kind:
            return _additive(near, dtype)
        return {"full_attention": _additive(sees, dtype), "sliding_attention": _additive(near, dtype)}


def attention_kinds(config: PretrainedConfig) -> AttentionKinds:
    """Read the kinds of attention layers off a text config. Raises NoReuse for any other kind of layer."""
    kinds = getattr(config, "layer_types", None)
    unknown = sorted(set(kinds or ()) - KNOWN_KINDS)
    if unknown:
        raise NoReuse(f"it has layers of the kind {', '.join(unknown)}")
    return AttentionKinds(window=getattr(config, "sliding_window", None), by_kind=kinds is not None)


def visible(until: Tensor, queries: int) -> Tensor:
    """Which of K columns the last queries see: up to their own, as far as until allows. -> (B, Q, K)."""
    columns = torch.arange(until.shape[1], device=until.device)
    asking = columns[-queries:, None]
    return (columns <= asking) & (asking < until[:, None, :])


def within(positions: Tensor, queries: int, window: int) -> Tensor:
    """Which columns lie fewer than window positions behind the query. positions (B, K) -> (B, Q, K)."""
    return positions[:, None, :] > positions[:, -queries:, None] - window


def _additive(sees: Tensor, dtype: torch.dtype) -> Tensor:
    mask = torch.zeros_like(sees, dtype=dtype).masked_fill_(~sees, torch.finfo(dtype).min)
    return mask[:, None]
