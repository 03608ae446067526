"""Decoding a batch of prompts token by token: greedy, or sampled with a generator for each row.

A row ends at a token that ends the turn, at its own final(text), at its limit, or where the model gives no
number. Rows that are done are taken out once they are a quarter of the batch. What a row draws comes from
its own generator, so it does not matter which rows are still alive beside it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from opro_local.engine.continuations import Continuation
from opro_local.engine.head import Head
from opro_local.llm import GenerationReply, GenerationRequest

COMPACT_AT_DONE = 0.25
"""Share of done rows at which a smaller batch is worth copying the others."""

Ended = Literal["end", "final", "length", "nan"]
Pick = Callable[[Sequence[int], Tensor], list[int]]
"""The next token of each row, by the rows' numbers and their finite logits (B, V)."""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A reply that is being written."""

    number: int
    request: GenerationRequest
    ids: list[int] = field(default_factory=list)
    text: str = ""
    ended: Ended | None = None

    def reply(self) -> GenerationReply:
        return GenerationReply(text=self.text, tokens=len(self.ids), ended=self.ended or "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Turns hidden states into replies. ends are the ids that end a turn; text decodes ids."""

    head: Head
    ends: frozenset[int]
    text: Callable[[Sequence[int]], str]

    def run(
        self, requests: Sequence[GenerationRequest], hidden: Tensor, rows: Continuation, *, pick: Pick
    ) -> list[GenerationReply]:
        """Continue every row to its end. hidden (B, d) are the prompts' last states; one reply a row."""
        drafts = [_Draft(number=i, request=request) for i, request in enumerate(requests)]
        batch = list(drafts)
        while True:
            tokens = self._advance(batch, self.head.logits(hidden), pick)
            alive = [at for at, draft in enumerate(batch) if draft.ended is None]
            if not alive:
                return [draft.reply() for draft in drafts]
            if len(alive) <= (1 - COMPACT_AT_DONE) * len(batch):
                rows.keep(alive)
                batch, tokens = [batch[at] for at in alive], [tokens[at] for at in alive]
            hidden = rows.step(tokens)

    def _advance(self, batch: Sequence[_Draft], logits: Tensor, pick: Pick) -> list[int]:
        """Add the picked token to every draft that is not done; returns what was picked."""
        finite = logits.amax(-1).isfinite()
        tokens = pick([draft.number for draft in batch], logits.masked_fill(~finite[:, None], 0.0))
        for draft, token, is_finite in zip(batch, tokens, finite.tolist(), strict=True):
            if draft.ended is None and is_finite:
                self._extend(draft, token)
            elif draft.ended is None:
                draft.ended = "nan"
        return tokens

    def _extend(self, draft: _Draft, token: int) -> None:
        draft.ids.append(token)
        if token in self.ends:
            draft.ended = "end"
            return
        draft.text = self.text(draft.ids)
        if draft.request.final(draft.text):
            draft.ended = "final"
        elif len(draft.ids) >= draft.request.max_tokens:
            draft.ended = "length"


def greedy(numbers: Sequence[int], logits: Tensor) -> list[int]:
    """The likeliest token of each row; the lowest id wins a tie."""
    picked: list[int] = logits.argmax(-1).tolist()
    return picked


def sampler(rows: Sequence[int], *, temperature: float, seed: int) -> Pick:
    """Draws from softmax(logits / temperature), each row by a generator of its own seeded by (seed, row)."""
    generators = [torch.Generator().manual_seed(_row_seed(seed, row)) for row in rows]

    def pick(numbers: Sequence[int], logits: Tensor) -> list[int]:
        chances = (logits / temperature).softmax(-1).cpu()  # drawn on the CPU: the same draws on every device
        return [
            int(torch.multinomial(row, 1, generator=generators[number]))
            for number, row in zip(numbers, chances, strict=True)
        ]

    return pick


def _row_seed(seed: int, row: int) -> int:
    digest = hashlib.sha256(f"sample:{seed}:{row}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
