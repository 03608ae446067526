"""Tokens of many rows in one line: padding in attention only, none in the model's matrices.

The tokens belong to blocks (rows behind the same prefix). Attention gathers the blocks' queries, puts each
block's cached keys and values before its own, and runs all blocks in one call of torch's scaled dot product
attention. Heads that share a key head go in as more queries of that head, so that nothing is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from opro_local.engine.attention import Shape
from opro_local.engine.cache import COLUMNS, LayerStates, Placed, Prefix
from opro_local.engine.masks import Reach, columns_of
from opro_local.engine.rows import joined
from opro_local.engine.transfer import sent

BUCKET_TOKENS = 64
"""T is a multiple of it: a token's last bits depend on how the matrices are cut."""

BLOCK_TOKENS = 64
"""Rows behind the same prefix share a block of at most so many tokens, or half as many as are cached: fewer,
larger blocks suit the kernels, and read the prefix less often."""

STRIDE_TOKENS = 256
"""A long block asks for so many tokens at a time, each time only for what lies before their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlocks:
    """The blocks of a line in a layer of H heads, of which G share a key head.

    queries (n * H * S,) index the T * H queries of the line, block by block and head by head, and cells
    (T * H,) lead back. mask (n, 1, G * S, K).
    """

    queries: Tensor
    cells: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlocks:
    """How T tokens in one line lie in n blocks of at most S tokens that see at most K cached and own ones.

    keys (n, K) index the cached tokens of all prefixes followed by the T tokens. What a pad points to is seen
    by nobody. layers tells what differs from layer to layer. kept, if it is a list, collects the keys and
    values of the T tokens, layer by layer.
    """

    prefixes: tuple[Prefix, ...]
    keys: Tensor
    layers: tuple["LayerBlocks", ...]
    kept: list[LayerStates] | None

    def attend(self, layer: int, query: Tensor, own: LayerStates, scale: float | None) -> Tensor:
        """query (T, H, D) -> (T, H, D)."""
        if self.kept is not None:
            self.kept.append(own)
        keys, values = self._gathered(layer, own)  # (n, Hkv, K, D)
        n, heads, _, width = keys.shape
        blocks = self.layers[layer]
        queries = query.reshape(-1, width).index_select(0, blocks.queries)
        tokens = len(blocks.queries) // (n * query.shape[1])
        out = _in_strides(queries.view(n, heads, -1, tokens, width), keys, values, blocks.mask, scale)
        return out.reshape(-1, out.shape[-1]).index_select(0, blocks.cells).view(*query.shape[:2], -1)

    def _gathered(self, layer: int, own: LayerStates) -> LayerStates:
        cached = [prefix.by_token(layer) for prefix in self.prefixes]
        n, index = len(self.keys), self.keys.flatten()
        pools = (torch.cat(parts) for parts in zip(*cached, own, strict=True))
        keys, values = (
            pool.index_select(0, index).view(n, -1, *pool.shape[1:]).transpose(1, 2) for pool in pools
        )
        return keys, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Tokens of many rows in one line, padded to a bucket. ids and positions (1, T)."""

    ids: Tensor
    positions: Tensor
    blocks: RowBlocks


def _in_strides(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, scale: float | None) -> Tensor:
    """Attention of blocks whose own tokens stand in the last S of K columns, and see none behind their own.

    query (n, Hkv, G, S, D), keys and values (n, Hkv, K, D), mask (n, 1, G * S, K) -> (n, Hkv, G, S, D).
    """
    grouped, tokens = query.shape[2:4]
    cached = keys.shape[2] - tokens
    masks = mask.view(len(mask), 1, grouped, tokens, -1)
    parts = []
    for first in range(0, tokens, STRIDE_TOKENS):
        stride, end = slice(first, first + STRIDE_TOKENS), cached + min(first + STRIDE_TOKENS, tokens)
        part = scaled_dot_product_attention(
            query[:, :, :, stride].flatten(2, 3),
            keys[:, :, :end],
            values[:, :, :end],
            attn_mask=masks[:, :, :, stride, :end].flatten(2, 3),
            scale=scale,
        )
        parts.append(part.view(*part.shape[:2], grouped, -1, part.shape[-1]))
    return torch.cat(parts, dim=3)


def lay_out(rows: Sequence[Placed], shape: Shape, *, keep: bool) -> Line:
    """Rows in one line; neighbours behind the same prefix may share a block."""
    blocks = _blocks(rows)
    own = [block.row for block in blocks]
    prefixes = {id(block.prefix): block.prefix for block in blocks if block.prefix}
    *begins, end = accumulate((prefix.length for prefix in prefixes.values()), initial=0)
    pool = dict(zip(prefixes, begins, strict=True))
    queries, cells = _own_cells([len(row.ids) for row in own])
    pads = -(max(row.start for row in own) + min(queries.shape[1], STRIDE_TOKENS)) % COLUMNS
    firsts = [pool.get(id(block.prefix), 0) for block in blocks]
    cached = pad(_cached_cells(firsts, [row.start for row in own]), (0, pads))
    columns = columns_of(own, device=shape.device, spare=pads)
    masks = shape.kinds.masks(columns, shape.dtype)
    spare = -len(cells) % BUCKET_TOKENS
    return Line(
        ids=_line([row.ids for row in own], spare, shape.device),
        positions=_line([row.positions for row in own], spare, shape.device),
        blocks=RowBlocks(
            prefixes=tuple(prefixes.values()),
            keys=torch.cat([cached, queries + end], dim=1).to(shape.device, non_blocking=True),
            layers=_by_layer(shape, queries, pad(cells, (0, spare)), masks),
            kept=[] if keep else None,
        ),
    )


def _by_layer(
    shape: Shape, queries: Tensor, cells: Tensor, masks: Mapping[Reach, Tensor]
) -> tuple[LayerBlocks, ...]:
    """What differs between layers; layers that are alike share it. queries (n, S), cells (T,)."""
    alike = dict.fromkeys(zip(shape.heads, shape.kinds.layers, strict=True))
    made = {
        (heads, reach): LayerBlocks(
            queries=_by_head(queries, heads.query).to(shape.device, non_blocking=True),
            cells=_back_from_heads(cells, queries.shape[1], heads.query).to(shape.device, non_blocking=True),
            mask=masks[reach].repeat(1, 1, heads.grouped, 1),
        )
        for heads, reach in alike
    }
    return tuple(made[each] for each in zip(shape.heads, shape.kinds.layers, strict=True))


def _blocks(rows: Sequence[Placed]) -> list[Placed]:
    """Neighbours behind the same prefix joined: a block reads its prefix once for all of its tokens."""
    result: list[list[Placed]] = []
    for placed in rows:
        last = result[-1] if result else []
        tokens = sum(len(other.row.ids) for other in last) + len(placed.row.ids)
        if last and placed.prefix is last[0].prefix and tokens <= max(BLOCK_TOKENS, placed.row.start // 2):
            last.append(placed)
        else:
            result.append([placed])
    return [Placed(row=joined([p.row for p in block]), prefix=block[0].prefix) for block in result]


def _own_cells(lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Blocks of these lengths in one line: each cell's token (n, S), pads 0, and each token's cell (T,)."""
    sizes, columns = torch.tensor(lengths)[:, None], torch.arange(max(lengths))
    real = columns < sizes
    return torch.where(real, sizes.cumsum(0) - sizes + columns, 0), real.flatten().nonzero()[:, 0]


def _by_head(queries: Tensor, heads: int) -> Tensor:
    """Tokens (n, S) to the queries (n * H * S,) of all heads, which lie side by side in a token."""
    return (queries[:, None] * heads + torch.arange(heads)[:, None]).flatten()


def _back_from_heads(cells: Tensor, width: int, heads: int) -> Tensor:
    """Cells (T,) of blocks of that width to those (T * H,) of all heads, which lie one behind the other."""
    block, column = cells // width, cells % width
    return ((block[:, None] * heads + torch.arange(heads)) * width + column[:, None]).flatten()


def _cached_cells(firsts: Sequence[int], lengths: Sequence[int]) -> Tensor:
    """Each block's cached tokens in the pool of all prefixes (n, longest); pads 0."""
    columns = torch.arange(max(lengths))
    return torch.where(columns < torch.tensor(lengths)[:, None], torch.tensor(firsts)[:, None] + columns, 0)


def _line(parts: Sequence[Sequence[int]], spare: int, device: torch.device) -> Tensor:
    """The parts one after another, padded with zeros. -> (1, T)."""
    return sent([[*chain.from_iterable(parts), *[0] * spare]], device)
