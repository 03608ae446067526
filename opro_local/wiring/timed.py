"""A model in its role and the reply cache, with a stopwatch held to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from opro_local.effort import EngineStats
from opro_local.llm import (
    ChoiceReply,
    ChoiceRequest,
    Engine,
    GenerationReply,
    GenerationRequest,
    Message,
    TokenIds,
)
from opro_local.recording import ReplyCache
from opro_local.stopwatch import Stopwatch

Reply = ChoiceReply | GenerationReply


@dataclass(frozen=True, slots=True)
class TimedEngine:
    """Implements opro_local.llm.Engine by another one, which plays a role for as long as it computes.

    Rendering and tokenising prompts is the tokenizer's time; texts of replies, which are looked at while they
    are written, are the role's.
    """

    engine: Engine
    role: Literal["optimizer", "scorer", "judge"]
    watch: Stopwatch

    @property
    def digest(self) -> str:
        return self.engine.digest

    @property
    def numerics(self) -> str:
        return self.engine.numerics

    @property
    def chat(self) -> bool:
        return self.engine.chat

    @property
    def device(self) -> str:
        return self.engine.device

    @property
    def context_length(self) -> int:
        return self.engine.context_length

    @property
    def tokens_run(self) -> int:
        return self.engine.tokens_run

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        with self.watch.part("tokenizer"):
            return self.engine.encode(messages, prefill, closed=closed)

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        with self.watch.part("tokenizer"):
            return self.engine.encode_each(messages, prefills, closed=closed)

    def decode(self, ids: Sequence[int]) -> str:
        with self.watch.part("tokenizer"):
            return self.engine.decode(ids)

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        with self.watch.part(self.role):
            return self.engine.loglikelihood(requests)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        with self.watch.part(self.role):
            return self.engine.generate(requests)

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        with self.watch.part(self.role):
            return self.engine.sample(request, n, temperature=temperature, seed=seed)

    def effort(self) -> EngineStats:
        return self.engine.effort()


@dataclass(frozen=True, slots=True)
class TimedCache:
    """Implements opro_local.recording.ReplyCache by another one; its time is the store's."""

    cache: ReplyCache
    watch: Stopwatch

    def find(self, keys: Sequence[str]) -> Mapping[str, Reply]:
        with self.watch.part("store"):
            return self.cache.find(keys)

    def keep(self, replies: Mapping[str, Reply]) -> None:
        with self.watch.part("store"):
            self.cache.keep(replies)
