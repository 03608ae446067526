"""Passes through the model's body: whole prompts, rows behind cached tokens, decoding steps.

All passes end at the last hidden states; the head runs only where a logit is needed. Rows are padded on the
right.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from inspect import signature

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from opro_local.engine.asking import Attention, ask_attention, using
from opro_local.engine.attention import PACKED_ATTENTION, Blocks, Shape, passing
from opro_local.engine.blocks import body_of
from opro_local.engine.cache import LayerStates, Placed, SlabLayer
from opro_local.engine.capture import Recorder
from opro_local.engine.compiling import CompiledLayers
from opro_local.engine.few_rows import ease_few_rows
from opro_local.engine.lines import lay_out
from opro_local.engine.masks import AttentionKinds, Columns, NoReuse, SlotColumns, columns_of
from opro_local.engine.rows import FOREVER, Row
from opro_local.engine.slots import slot_blocks
from opro_local.engine.transfer import sent
from opro_local.engine.work import Work
from opro_local.llm import TokenIds


class Body:
    """A transformer without its head. attention is what it is like, where that is known already."""

    def __init__(
        self, model: PreTrainedModel, work: Work | None = None, *, attention: Attention | None = None
    ) -> None:
        ease_few_rows(model)
        self.model = model
        self._body = body_of(model)
        self._config = model.config.get_text_config()
        self._attention = attention
        self.device: torch.device = model.device
        self.work = work or Work()
        self._compiled: CompiledLayers | None = None
        self.record: Recorder | None = None
        """How steps of decoding are recorded to be replayed, if they are."""

    @property
    def compiled(self) -> bool:
        """Whether lines of tokens go through compiled layers."""
        return self._compiled is not None

    def compile(self) -> None:
        """Compile the layers for lines of tokens; it happens when the first one is run."""
        self._compiled = CompiledLayers(self.model)

    def restore(self) -> None:
        """Run lines of tokens as before compiling."""
        self._compiled = None

    @cached_property
    def attention(self) -> Attention:
        """What its attention layers are like. Raises NoReuse if its state is something else."""
        if getattr(self.model, "_is_stateful", False):
            raise NoReuse("its state is recurrent")
        if getattr(self._config, "attn_temperature_tuning", False):
            raise NoReuse("it scales attention by the place in the forward, not by the position")
        return self._attention or ask_attention(self.model, self._body)

    @cached_property
    def kinds(self) -> AttentionKinds:
        """How far its attention layers see. Raises NoReuse as attention does."""
        return self.attention.kinds

    def whole(self, rows: Sequence[TokenIds]) -> Tensor:
        """Run every row from its first token, nothing reused. -> (B, S, d)."""
        ids, present = self._padded(rows), self._padded([(1,) * len(row) for row in rows])
        self.work.count(tokens=sum(map(len, rows)), padded=ids.numel())
        return self._hidden(input_ids=ids, attention_mask=present, use_cache=False)

    def behind(self, rows: Sequence[Row], *, cache: Cache | None) -> Tensor:
        """Run rows behind the same cached tokens. -> (B, S, d)."""
        columns, ids = columns_of(rows, device=self.device), self._padded([row.ids for row in rows])
        self.work.count(tokens=sum(len(row.ids) for row in rows), padded=ids.numel())
        return self._over(ids, columns, cache)

    def packed(self, rows: Sequence[Placed], *, keep: bool = False) -> tuple[Tensor, list[LayerStates]]:
        """Run rows in one line behind their prefixes.

        -> hidden (T, d), one row after the other, and with keep each layer's keys and values of the T tokens.
        """
        line = lay_out(rows, self._shape, keep=keep)
        self.work.count(tokens=sum(len(placed.row.ids) for placed in rows), padded=line.ids.numel())
        return self._line(line.ids, line.positions, line.blocks), line.blocks.kept or []

    def step(self, ids: Tensor, columns: SlotColumns, slabs: Sequence[SlabLayer]) -> Tensor:
        """Run one more token a slot (B, slots) by the model's own attention; not counted as work.

        -> (B * slots, d).
        """
        return self._over(ids, columns, Cache(layers=list(slabs))).flatten(0, 1)

    def packed_step(self, ids: Tensor, columns: SlotColumns, slabs: Sequence[SlabLayer]) -> Tensor:
        """As step, but in one line as packed runs rows. -> (B * slots, d)."""
        blocks = slot_blocks(columns, slabs, self._shape)
        return self._line(ids.view(1, -1), columns.asking.view(1, -1).long(), blocks)

    @cached_property
    def last_position(self) -> int:
        """The last that a token may have: a table of positions has no more rows."""
        return int(getattr(self._config, "max_position_embeddings", None) or FOREVER) - 1

    @cached_property
    def _cache_word(self) -> str:
        """What this body calls a cache: transformers 5.24 renames it, and warns of the older word."""
        return "cache" if "cache" in signature(self._body.forward).parameters else "past_key_values"

    @cached_property
    def _shape(self) -> Shape:
        if not self.attention.heads:
            raise NoReuse("its attention is code of its own")
        return Shape(
            kinds=self.kinds,
            heads=self.attention.heads,
            dtype=self.model.dtype,
            device=self.device,
        )

    def _line(self, ids: Tensor, positions: Tensor, blocks: Blocks) -> Tensor:
        """Run tokens that stand in one line (1, T). -> (T, d)."""
        with self._packed_layers(), passing(blocks):
            return self._hidden(input_ids=ids, position_ids=positions, use_cache=False)[0]

    @contextmanager
    def _packed_layers(self) -> Iterator[None]:
        """The model with packed attention and compiled layers; other passes need its own ones back."""
        compiled = self._compiled.in_use() if self._compiled else nullcontext()
        with using(self._config, PACKED_ATTENTION), compiled:
            yield

    def _over(self, ids: Tensor, columns: Columns | SlotColumns, cache: Cache | None) -> Tensor:
        masks = self.kinds.masks(columns, self.model.dtype)
        return self._hidden(
            input_ids=ids,
            attention_mask=self.kinds.for_model(masks),
            position_ids=columns.asking,
            use_cache=cache is not None,  # left open, a model would keep a cache of its own
            **{self._cache_word: cache},
        )

    def _hidden(self, **inputs: object) -> Tensor:
        hidden: Tensor = self._body(**inputs).last_hidden_state
        return hidden

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        width = max(len(row) for row in rows)
        return sent([[*row, *[0] * (width - len(row))] for row in rows], self.device)
