"""A language model at the Engine seam that does what a test says, and refuses what the real one refuses.

A token is a byte of UTF-8. A chat is rendered as "[user] ... [assistant] ...", so that a script can tell
the turns apart; a pre-trained model reads the turns as running text.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import regex

from opro_local.effort import EngineStats
from opro_local.errors import DataError
from opro_local.llm import (
    ChoiceReply,
    ChoiceRequest,
    GenerationReply,
    GenerationRequest,
    Message,
    TokenIds,
    are_turns,
)

END = 256
"""The token that closes the assistant's turn; it has no text."""


def unexpected(text: str) -> NoReturn:
    raise AssertionError(f"the script has no answer to {text!r}")


@dataclass(kw_only=True)
class ScriptedEngine:
    """Implements opro_local.llm.Engine.

    log_prob: whole text, a choice included -> log-probability of that choice. reply: prompt text -> greedy
    text. samples: for each call of sample, at temperatures above 0, the texts that it returns; the same call
    again returns the same. A text that a request's constraint does not allow is a fault of the script. asked,
    generated and sampled keep what the engine was called with.
    """

    log_prob: Callable[[str], float] = unexpected
    reply: Callable[[str], str] = unexpected
    samples: Iterable[Sequence[str]] = ()
    chat: bool = True
    context_length: int = 8192
    digest: str = "model:sha256:scripted"
    numerics: str = "scripted"
    device: str = "cpu"
    tokens_run: int = 0
    decoded_tokens: int = 0
    asked: list[list[ChoiceRequest]] = field(default_factory=list)
    generated: list[list[GenerationRequest]] = field(default_factory=list)
    sampled: list[tuple[str, int, float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._samples = deque(self.samples)
        self._drawn: dict[tuple[str, int, float, int], Sequence[str]] = {}

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        assert are_turns(messages), f"turns that a template may refuse: {messages}"
        opened = self._chat_text(messages) if self.chat else self._plain_text(messages)
        return (*(opened + prefill).encode(), *(self._end if closed else ()))

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        return [self.encode(messages, prefill, closed=closed) for prefill in prefills]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i for i in ids if i < END).decode(errors="replace")

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        self.asked.append(list(requests))
        self._take([(r.context, max(map(len, r.choices), default=0)) for r in requests])
        return [
            ChoiceReply(log_probs=tuple(self.log_prob(self.decode(r.context + c)) for c in r.choices))
            for r in requests
        ]

    def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        self.generated.append(list(requests))
        self._take([(r.prompt, r.max_tokens) for r in requests])
        return self._written([self.reply(self.decode(request.prompt)) for request in requests], requests)

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        assert n >= 0
        assert temperature >= 0
        self._take([(request.prompt, request.max_tokens)])
        prompt = self.decode(request.prompt)
        call = (prompt, n, temperature, seed)
        self.sampled.append(call)
        if call not in self._drawn:
            self._drawn[call] = self._draws(n) if temperature else [self.reply(prompt)] * n
        return self._written(self._drawn[call], [request] * n)

    def _written(self, texts: Sequence[str], requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        replies = [_emitted(text, request) for text, request in zip(texts, requests, strict=True)]
        self.decoded_tokens += sum(reply.tokens for reply in replies)
        return replies

    def _draws(self, n: int) -> Sequence[str]:
        """What the script has for a call that was not made before."""
        if not n:
            return ()
        assert self._samples, "one call of sample more than the script has"
        texts = self._samples.popleft()
        assert len(texts) == n, f"the script has {len(texts)} samples, {n} are asked for"
        return texts

    def effort(self) -> EngineStats:
        """Of an engine that needs no time."""
        asked = sum(map(len, self.asked))
        return EngineStats(
            level="E0",
            requests=asked,
            tokens_run=self.tokens_run,
            least_tokens=self.tokens_run,
            prefix_tokens=0,
            stored_prefix_tokens=0,
            seconds=0.0,
            least_seconds=0.0,
            decoded_tokens=self.decoded_tokens,
        )

    @property
    def _end(self) -> TokenIds:
        """What closes a reply."""
        return (END,) if self.chat else (ord("\n"),)

    def _chat_text(self, messages: Sequence[Message]) -> str:
        return "".join(f"[{turn.role}] {turn.content}\n" for turn in messages) + "[assistant] "

    def _plain_text(self, messages: Sequence[Message]) -> str:
        joints = ["", *("" if turn.role == "assistant" else "\n\n" for turn in messages[1:])]
        return "".join(joint + turn.content for joint, turn in zip(joints, messages, strict=True))

    def _take(self, asked: Sequence[tuple[TokenIds, int]]) -> None:
        """Prompts with the most tokens that may follow each; all of them, or none if one is too long."""
        for prompt, more in asked:
            assert all(type(i) is int for i in prompt), "a prompt is a tuple of token ids"
            if len(prompt) + more > self.context_length:
                raise DataError(
                    f"A prompt with its answer has {len(prompt) + more} tokens; "
                    f"the model takes {self.context_length}."
                )
        self.tokens_run += sum(len(prompt) + more for prompt, more in asked)


def _emitted(text: str, request: GenerationRequest) -> GenerationReply:
    """The text token by token, until the request says that it is enough."""
    reply = _until_enough(text, request)
    if request.constraint is not None:
        ended = reply.ended == "end"
        begun = regex.fullmatch(request.constraint, reply.text, partial=not ended)
        assert begun, f"the constraint {request.constraint!r} allows no reply {reply.text!r}"
    return reply


def _until_enough(text: str, request: GenerationRequest) -> GenerationReply:
    ids = text.encode()
    for n in range(1, len(ids) + 1):
        so_far = ids[:n].decode(errors="replace")
        if request.final(so_far):
            return GenerationReply(text=so_far, tokens=n, ended="final", ids=tuple(ids[:n]))
        if n == request.max_tokens:
            return GenerationReply(text=so_far, tokens=n, ended="length", ids=tuple(ids[:n]))
    return GenerationReply(text=text, tokens=len(ids) + 1, ended="end", ids=(*ids, END))
