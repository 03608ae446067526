"""The newest tokens of replies in one line; what came before stands in slabs, see continuations."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from opro_local.engine.attention import Shape
from opro_local.engine.cache import LayerStates, SlabLayer
from opro_local.engine.masks import SlotColumns


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotBlocks:
    """The newest tokens of B blocks of slots in one line, slot by slot; each layer writes them into its slab.

    masks holds each layer's (B, 1, G * slots, K), where G heads share a key head.
    """

    slabs: Sequence[SlabLayer]
    masks: tuple[Tensor, ...]

    def attend(self, layer: int, query: Tensor, own: LayerStates, scale: float | None) -> Tensor:
        """query (B * slots, H, D) -> (B * slots, H, D)."""
        blocks = len(self.masks[layer])
        keys, values = self.slabs[layer].update(
            *(states.view(blocks, -1, *states.shape[1:]).transpose(1, 2) for states in own)
        )
        heads, width = keys.shape[1], query.shape[-1]
        queries = query.view(blocks, -1, heads, query.shape[1] // heads, width).permute(0, 2, 3, 1, 4)
        out = scaled_dot_product_attention(
            queries.flatten(2, 3), keys, values, attn_mask=self.masks[layer], scale=scale
        )
        return out.view(*queries.shape[:4], -1).permute(0, 3, 1, 2, 4).reshape(*query.shape[:2], -1)


def slot_blocks(columns: SlotColumns, slabs: Sequence[SlabLayer], shape: Shape) -> SlotBlocks:
    """What the newest tokens of slots meet in each layer; layers that are alike share their mask."""
    masks = shape.kinds.masks(columns, shape.dtype)
    each = list(zip(shape.heads, shape.kinds.layers, strict=True))
    made = {
        (heads, reach): masks[reach].repeat(1, 1, heads.grouped, 1) for heads, reach in dict.fromkeys(each)
    }
    return SlotBlocks(slabs=slabs, masks=tuple(made[layer] for layer in each))
