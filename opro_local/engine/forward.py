"""Passes through the model's body: whole prompts (E0), a shared prefix, rows behind it (E1), decoding steps.

All passes end at the last hidden states; the head runs only where a logit is needed. Rows are padded on the
right.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from opro_local.engine.cache import Prefix, shared_layers
from opro_local.engine.masks import AttentionKinds, Columns, NoReuse, attention_kinds, columns_of
from opro_local.engine.rows import Row
from opro_local.llm import TokenIds


class Body:
    """A transformer without its head. tokens_run counts what really went through, padding excluded."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._body = model.base_model
        self._kinds: AttentionKinds | None = None
        self.device: torch.device = model.device
        self.layers: int = model.config.get_text_config().num_hidden_layers
        self.tokens_run = 0

    @property
    def kinds(self) -> AttentionKinds:
        """The kinds of its attention layers. Raises NoReuse if its state is something else."""
        if self._kinds is None:
            if getattr(self._model, "_is_stateful", False):
                raise NoReuse("its state is recurrent")
            self._kinds = attention_kinds(self._model.config.get_text_config())
        return self._kinds

    def whole(self, rows: Sequence[TokenIds]) -> Tensor:
        """Run every row from its first token, nothing reused. -> (B, S, d)."""
        ids, present = self._padded(rows), self._padded([(1,) * len(row) for row in rows])
        hidden = self._hidden(input_ids=ids, attention_mask=present, use_cache=False)
        self.tokens_run += sum(len(row) for row in rows)
        return hidden

    def prefix(self, ids: TokenIds) -> Prefix:
        """Run tokens that many rows share, once and alone."""
        cache = DynamicCache()  # without the config: sliding layers keep all their keys
        hidden = self._hidden(input_ids=self._padded([ids]), past_key_values=cache, use_cache=True)
        self.tokens_run += len(ids)
        return Prefix(length=len(ids), layers=shared_layers(cache), last_hidden=hidden[:, -1])

    def behind(self, rows: Sequence[Row], *, start: int, cache: Cache | None) -> tuple[Tensor, Columns]:
        """Run rows behind start cached tokens. -> hidden (B, S, d) and what the columns hold now."""
        columns = columns_of(rows, start=start, device=self.device)
        hidden = self._over(self._padded([row.ids for row in rows]), columns, cache)
        self.tokens_run += sum(len(row.ids) for row in rows)
        return hidden, columns

    def step(self, tokens: Sequence[int], columns: Columns, cache: Cache) -> Tensor:
        """Run one more token a row, which stands in the last of the columns. -> (B, d)."""
        hidden = self._over(self._padded([(token,) for token in tokens]), columns, cache)
        self.tokens_run += len(tokens)
        return hidden[:, -1]

    def _over(self, ids: Tensor, columns: Columns, cache: Cache | None) -> Tensor:
        queries = ids.shape[1]
        return self._hidden(
            input_ids=ids,
            attention_mask=self.kinds.masks(columns, queries=queries, dtype=self._model.dtype),
            position_ids=columns.positions[:, -queries:],
            past_key_values=cache,
            use_cache=cache is not None,  # left open, a model would keep a cache of its own
        )

    def _hidden(self, **inputs: object) -> Tensor:
        hidden: Tensor = self._body(**inputs).last_hidden_state
        return hidden

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        width = max(len(row) for row in rows)
        return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=self.device)
