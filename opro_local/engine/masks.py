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

FULL = "full_attention"
SLIDING = "sliding_attention"


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


def columns_of(rows: Sequence[Row], *, device: torch.device) -> Columns:
    """Columns of rows: their cached tokens, then their own, both padded on the right.

    A pad among the cached tokens is seen by nobody, a pad among a row's own by itself alone.
    """
    cached, own = max(row.start for row in rows), max(len(row.ids) for row in rows)
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
    return Columns(positions=_small(positions, device), until=_small(until, device))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionKinds:
    """The kind of each layer; a sliding one sees window tokens. by_kind: the model takes masks by kind."""

    layers: tuple[str, ...]
    window: int | None
    by_kind: bool

    def masks(self, columns: Columns, *, queries: int, dtype: torch.dtype) -> dict[str, Tensor]:
        """The mask (B, 1, queries, K) of each kind, for the tokens in the last columns."""
        sees = visible(columns.until, queries)
        result = {FULL: _additive(sees, dtype)} if FULL in self.layers else {}
        if SLIDING in self.layers:
            assert self.window is not None
            result[SLIDING] = _additive(sees & within(columns.positions, queries, self.window), dtype)
        return result

    def for_model(self, masks: dict[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """The masks in the form in which the model takes them."""
        return masks if self.by_kind else masks[self.layers[0]]


def attention_kinds(config: PretrainedConfig) -> AttentionKinds:
    """Read the kinds of attention layers off a text config. Raises NoReuse for any other kind of layer."""
    if "local" in str(getattr(config, "attention_types", "")):
        raise NoReuse("it has windows of its own")
    named, window = getattr(config, "layer_types", None), getattr(config, "sliding_window", None)
    unknown = sorted(set(named or ()) - {FULL, SLIDING})
    if unknown:
        raise NoReuse(f"it has layers of the kind {', '.join(unknown)}")
    alike = (FULL if window is None else SLIDING,) * config.num_hidden_layers
    return AttentionKinds(layers=tuple(named or alike), window=window, by_kind=named is not None)


def visible(until: Tensor, queries: int) -> Tensor:
    """Which of K columns the last queries see: up to their own, as far as until allows. -> (B, Q, K)."""
    columns = torch.arange(until.shape[1], dtype=until.dtype, device=until.device)
    asking = columns[-queries:, None]
    return (columns <= asking) & (asking < until[:, None, :])


def within(positions: Tensor, queries: int, window: int) -> Tensor:
    """Which columns lie fewer than window positions behind the query. positions (B, K) -> (B, Q, K)."""
    return positions[:, None, :] > positions[:, -queries:, None] - window


def _additive(sees: Tensor, dtype: torch.dtype) -> Tensor:
    nothing = torch.zeros((), dtype=dtype, device=sees.device)
    return torch.where(sees, nothing, torch.finfo(dtype).min)[:, None]


def _small(numbers: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """32-bit numbers: masks compare every one with every other."""
    return torch.tensor(numbers, dtype=torch.int32, device=device)
