"""Decoding a batch of replies token by token: greedy, or sampled.

A reply ends at a token that ends the turn, at its own final(text), at its limit, or where the model gives no
number. Rows that are done are taken out once they are a quarter of the batch. What a row draws depends on the
seed, its number and the place in its reply only, so it does not matter which rows are still alive beside it.

A device that works beside the host gets its next steps before the host has seen the tokens of the last ones:
they go from step to step on the device. Tokens behind the end of a reply are thrown away. Where a reply is
held to a form the host sees every token before the next.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from opro_local.engine.constraints import Constraints, Progress
from opro_local.engine.continuations import Continuation
from opro_local.engine.head import Head
from opro_local.engine.transfer import Arriving, sent
from opro_local.llm import GenerationReply, GenerationRequest

COMPACT_AT_DONE = 0.25
"""Share of done rows at which a smaller batch is worth copying the others."""

STEPS_AHEAD = 4
"""Steps that a device beside the host is given before the tokens of the first are looked at."""

NO_NUMBER = -1
"""Stands for the token of a row whose logits are no numbers."""

Ended = Literal["end", "final", "length", "nan"]


class Pick(Protocol):
    """Picks a next token for each row of a batch; nothing in it waits for the device."""

    def next(self, hidden: Tensor) -> Tensor:
        """From the rows' last hidden states (B, d) their tokens or NO_NUMBER (B,)."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        ...


class MaskedPick(Pick, Protocol):
    """One that can be told which tokens are allowed, (B, V) bool."""

    def next(self, hidden: Tensor, allowed: Tensor | None = None) -> Tensor: ...


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Writes replies. ends are the ids that end a turn; text decodes ids; ahead counts unseen steps.

    constraints are there for requests that have some.
    """

    head: Head
    ends: frozenset[int]
    text: Callable[[Sequence[int]], str]
    ahead: int
    constraints: Constraints | None = None

    def obeying(
        self, pick: "MaskedPick", requests: Sequence[GenerationRequest], begun: Sequence[Sequence[int]] = ()
    ) -> Pick:
        """The pick held to the requests' constraints; begun has the first tokens of their replies."""
        if not any(request.constraint for request in requests):
            return pick
        assert self.constraints is not None
        ids = begun or [()] * len(requests)
        rows = [self.constraints.progress(*each) for each in zip(requests, ids, strict=True)]
        return Constrained(pick, self.constraints, rows)

    def begin(
        self, requests: Sequence[GenerationRequest], numbers: Sequence[int], hidden: Tensor, *, pick: Pick
    ) -> list[OpenReply]:
        """Replies with their first token, from the prompts' last hidden states (B, d)."""
        replies = [OpenReply(number=n, request=r) for n, r in zip(numbers, requests, strict=True)]
        self._extend_all(replies, pick.next(hidden).tolist())
        return replies

    def run(self, replies: Sequence[OpenReply], rows: Continuation, *, pick: Pick) -> None:
        """Go on with replies whose last token is not run yet, until all have ended."""
        batch = list(replies)
        while alive := _alive(batch):
            if len(alive) < len(batch):
                rows.keep(alive)
                pick.keep(alive)
                batch = [batch[at] for at in alive]
            self._run_until_few(batch, rows, pick)

    def extend(self, reply: OpenReply, token: int) -> None:
        """Add a token to a reply, or end it."""
        if token == NO_NUMBER:
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

    def _run_until_few(self, batch: Sequence[OpenReply], rows: Continuation, pick: Pick) -> None:
        """Go on with a batch until the rows that are left are worth one of their own."""
        tokens = sent([reply.ids[-1] for reply in batch], self.head.weight.device)
        arriving: deque[Arriving] = deque()
        for _ in range(max(reply.request.max_tokens - len(reply.ids) for reply in batch)):
            tokens = pick.next(rows.step(tokens.clamp(min=0)))
            arriving.append(Arriving(tokens))
            if len(arriving) > self.ahead:
                self._extend_all(batch, arriving.popleft().read())
            if len(_alive(batch)) <= (1 - COMPACT_AT_DONE) * len(batch):
                break
        for late in arriving:
            self._extend_all(batch, late.read())

    def _extend_all(self, replies: Sequence[OpenReply], tokens: Sequence[int]) -> None:
        for reply, token in zip(replies, tokens, strict=True):
            if reply.ended is None:
                self.extend(reply, token)


@dataclass(frozen=True, slots=True)
class Greedy:
    """The likeliest token of each row; the lowest id wins a tie."""

    head: Head

    def next(self, hidden: Tensor, allowed: Tensor | None = None) -> Tensor:
        tokens, are_numbers = self.head.best(hidden, allowed)
        return torch.where(are_numbers, tokens, NO_NUMBER)

    def keep(self, rows: Sequence[int]) -> None: ...


class Sampler:
    """Draws from softmax(logits / temperature) by the inverse of its distribution function.

    One uniform number decides a token; it follows from the seed, the row's number and the token's place in
    its reply, so it is the same on every device. The distribution function is summed in fp64.
    """

    def __init__(
        self, head: Head, numbers: Sequence[int], *, temperature: float, seed: int, places: int
    ) -> None:
        """places is the most tokens that a reply may have; each next is the next place of all rows."""
        self._head, self._temperature, self._place = head, temperature, 0
        uniform = [[_uniform(seed, number, place) for place in range(places)] for number in numbers]
        self._uniform = sent(uniform, head.weight.device, torch.float64)

    def next(self, hidden: Tensor, allowed: Tensor | None = None) -> Tensor:
        logits = self._head.logits(hidden, allowed)
        chances = (logits if self._temperature == 1.0 else logits / self._temperature).softmax(-1)
        reached = chances.cumsum(-1, dtype=torch.float64)
        whole = reached[:, -1:]
        drawn = self._uniform[:, self._place, None] * whole
        tokens = torch.searchsorted(reached, drawn, right=True).clamp(max=self._head.vocabulary - 1)
        self._place += 1
        return torch.where(whole.isfinite(), tokens, NO_NUMBER)[:, 0]

    def keep(self, rows: Sequence[int]) -> None:
        self._uniform = self._uniform[sent(rows, self._uniform.device)]


@dataclass(slots=True)
class Constrained:
    """Another pick's choice among the tokens that each row may take; it waits for the device."""

    pick: MaskedPick
    constraints: Constraints
    rows: Sequence[Progress | None]

    def next(self, hidden: Tensor) -> Tensor:
        tokens = self.pick.next(hidden, self.constraints.allowed(self.rows, hidden.device))
        for progress, token in zip(self.rows, tokens.tolist(), strict=True):
            if progress is not None and token != NO_NUMBER:
                progress.take(token)
        return tokens

    def keep(self, rows: Sequence[int]) -> None:
        self.pick.keep(rows)
        self.rows = [self.rows[row] for row in rows]


def steps_ahead(device: torch.device) -> int:
    """How many steps the host may run ahead of what it has seen: a CPU gains nothing by it."""
    return 0 if device.type == "cpu" else STEPS_AHEAD


def _alive(batch: Sequence[OpenReply]) -> list[int]:
    return [at for at, reply in enumerate(batch) if reply.ended is None]


def _uniform(seed: int, row: int, place: int) -> float:
    """At least 0, below 1, a multiple of 2**-53."""
    digest = hashlib.sha256(f"sample:{seed}:{row}:{place}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53
