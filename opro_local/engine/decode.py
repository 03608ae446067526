"""Decoding a batch of replies token by token: greedy, or sampled.

A reply ends at a token that ends the turn, at its own final(text), at its limit, or where the model gives no
number. Rows that are done are taken out once they are a quarter of the batch. What a row draws depends on the
seed, its number and the place in its reply only, so it does not matter which rows are still alive beside it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from opro_local.engine.continuations import Continuation
from opro_local.engine.head import Head
from opro_local.llm import GenerationReply, GenerationRequest

COMPACT_AT_DONE = 0.25
"""Share of done rows at which a smaller batch is worth copying the others."""

Ended = Literal["end", "final", "length", "nan"]
Picked = tuple[list[int], list[bool]]
"""The next token of each row, and whether its logits are numbers."""


@dataclass(slots=True, kw_only=True)
class OpenReply:
    """A reply that is being written; number tells the row among all that are asked for."""

    number: int
    request: GenerationRequest
    ids: list[int] = field(default_factory=list)
    text: str = ""
    ended: Ended | None = None

    def copy(self) -> "OpenReply":
        return replace(self, ids=list(self.ids))

    def closed(self) -> GenerationReply:
        return GenerationReply(
            text=self.text, tokens=len(self.ids), ended=self.ended or "length", ids=tuple(self.ids)
        )


Pick = Callable[[Sequence[OpenReply], Tensor], Picked]
"""Picks what replies go on with, by their last hidden states (B, d)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Writes replies. ends are the ids that end a turn; text decodes ids."""

    head: Head
    ends: frozenset[int]
    text: Callable[[Sequence[int]], str]

    def begin(
        self, requests: Sequence[GenerationRequest], numbers: Sequence[int], hidden: Tensor, *, pick: Pick
    ) -> list[OpenReply]:
        """Replies with their first token, from the prompts' last hidden states (B, d)."""
        replies = [OpenReply(number=n, request=r) for n, r in zip(numbers, requests, strict=True)]
        self._extend_all(replies, pick(replies, hidden))
        return replies

    def run(self, replies: Sequence[OpenReply], rows: Continuation, *, pick: Pick) -> None:
        """Go on with replies whose last token is not run yet, until all have ended."""
        batch = list(replies)
        while True:
            alive = [at for at, reply in enumerate(batch) if reply.ended is None]
            if not alive:
                return
            if len(alive) <= (1 - COMPACT_AT_DONE) * len(batch):
                rows.keep(alive)
                batch = [batch[at] for at in alive]
            hidden = rows.step([reply.ids[-1] if reply.ids else 0 for reply in batch])
            self._extend_all(batch, pick(batch, hidden))

    def extend(self, reply: OpenReply, token: int, *, is_number: bool) -> None:
        """Add a token to a reply, or end it."""
        if not is_number:
            reply.ended = "nan"
            return
        reply.ids.append(token)
        if token in self.ends:
            reply.ended = "end"
            return
        reply.text = self.text(reply.ids)
        if reply.request.final(reply.text):
            reply.ended = "final"
        elif len(reply.ids) >= reply.request.max_tokens:
            reply.ended = "length"

    def _extend_all(self, replies: Sequence[OpenReply], picked: Picked) -> None:
        for reply, token, is_number in zip(replies, *picked, strict=True):
            if reply.ended is None:
                self.extend(reply, token, is_number=is_number)


def greedy(head: Head) -> Pick:
    """The likeliest token of each row; the lowest id wins a tie."""

    def pick(_: Sequence[OpenReply], hidden: Tensor) -> Picked:
        tokens, are_numbers = head.best(hidden)
        return tokens.tolist(), are_numbers.tolist()

    return pick


def sampler(head: Head, *, temperature: float, seed: int) -> Pick:
    """Draws from softmax(logits / temperature) by the inverse of its distribution function.

    One uniform number decides a token; it follows from the seed, the reply's number and the token's place.
    """

    def pick(replies: Sequence[OpenReply], hidden: Tensor) -> Picked:
        logits = head.logits(hidden)
        finite = logits.amax(-1).isfinite()
        chances = (logits.masked_fill(~finite[:, None], 0.0) / temperature).softmax(-1)
        reached = chances.cumsum(-1, dtype=torch.float64)
        uniform = [_uniform(seed, reply.number, len(reply.ids)) for reply in replies]
        drawn = torch.tensor(uniform, dtype=torch.float64).to(hidden.device)[:, None] * reached[:, -1:]
        tokens = torch.searchsorted(reached, drawn, right=True).clamp(max=head.vocabulary - 1)[:, 0]
        return tokens.tolist(), finite.tolist()

    return pick


def _uniform(seed: int, row: int, place: int) -> float:
    """At least 0, below 1, a multiple of 2**-53."""
    digest = hashlib.sha256(f"sample:{seed}:{row}:{place}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53
