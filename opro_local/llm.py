"""The seam to a language model: requests, replies and the Engine protocol.

Requests are whole token-id prompts. What prompts share is the engine's business: a caller sends everything
and the engine finds the common prefixes, so that reuse equals no reuse by construction.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

LOOKS_AROUND = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?!:)|\\[1-9])")
"""A group of a regular expression that a grammar cannot follow."""

Role = Literal["system", "user", "assistant"]
TokenIds = tuple[int, ...]

THOUGHT_MARKS = (
    ("<think>", "</think>"),
    ("<|channel>thought", "<channel|>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
"""What models write around a thought ahead of their answer: how it opens, how it ends."""


def common_length(a: TokenIds, b: TokenIds) -> int:
    """How many first tokens two sequences have in common."""
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


def are_turns(messages: Sequence[Message]) -> bool:
    """Whether every chat template takes them: a system turn or none, then user and assistant in turn.

    The last one is a user's.
    """
    roles = [message.role for message in messages]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    expected = ["user", "assistant"] * (len(spoken) // 2) + ["user"]
    return spoken == expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """Score every choice as a continuation of context.

    Caller's duty: context + choice are the ids of the jointly encoded text (engine.encode), so context is the
    longest id prefix that all choices of the row share with the prompt. Neither context nor a choice is
    empty: nothing precedes the first token that could make it likely. There may be no choices at all.
    """

    context: TokenIds
    choices: tuple[TokenIds, ...]

    def __post_init__(self) -> None:
        assert self.context, "a context without tokens"
        assert all(self.choices), "a choice without tokens"

    @property
    def tokens(self) -> int:
        """The context and all choices."""
        return len(self.context) + sum(len(choice) for choice in self.choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceReply:
    """log_probs: summed log-probability of each choice in nats; NaN where the model gave no number."""

    log_probs: tuple[float, ...]


class StopRule(Protocol):
    """Whether a reply may end behind a text; an object that pickle takes, no closure."""

    def __call__(self, text: str, /) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Continue prompt until end of turn, max_tokens, or final(text so far) is true, whichever comes first.

    All of it is data: a request may be sent to an engine in another process. prompt is not empty, max_tokens
    is 1 at least. drafts are replies that are likely; they may save time and change nothing else.
    constraint is a regular expression of whole replies, without groups that look around or back: no token is
    written behind which no reply of it could be reached, and the turn ends behind a whole one only.
    """

    prompt: TokenIds
    max_tokens: int
    final: StopRule
    drafts: tuple[TokenIds, ...] = ()
    constraint: str | None = None

    def __post_init__(self) -> None:
        assert self.prompt, "a prompt without tokens"
        assert self.max_tokens >= 1, f"a reply of {self.max_tokens} tokens"
        assert not LOOKS_AROUND.search(self.constraint or ""), "a constraint that looks around or back"

    @property
    def tokens(self) -> int:
        """The prompt and the longest possible reply."""
        return len(self.prompt) + self.max_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationReply:
    """Generated text without special tokens; ended tells why it stopped.

    end     with a token that ends the turn: the last of ids, and no part of the text
    final   final(text) was true, and of no shorter text
    length  ids are max_tokens
    nan     the model gave no number for what would have come next

    ids are the tokens that were written, and text is what decode makes of them; tokens is their number. ids
    are () for a reply that was kept as text.
    """

    text: str
    tokens: int
    ended: Literal["end", "final", "length", "nan"]
    ids: TokenIds = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """What scoring by likelihood, and decoding, took, beside what they need at the least on this machine.

    tokens_run went through the model, least_tokens had to: those that no other prompt of the call and no
    stored prefix shares. Of prefix_tokens that prompts shared, stored_prefix_tokens were kept from earlier
    calls. least_seconds is the time of least_tokens at the machine's best rate. The last three are of
    generate and sample: tokens of replies, seconds, their prompts included, and the least seconds, where each
    step reads the weights and the keys of all tokens before it once.
    """

    level: str
    requests: int
    tokens_run: int
    least_tokens: int
    prefix_tokens: int
    stored_prefix_tokens: int
    seconds: float
    least_seconds: float
    decoded_tokens: int = 0
    decoding_seconds: float = 0.0
    least_decoding_seconds: float = 0.0

    @property
    def efficiency(self) -> float | None:
        """The share of the machine's limit that was reached, None if nothing went through the model."""
        return self.least_seconds / self.seconds if self.tokens_run and self.seconds else None

    @property
    def decoding_efficiency(self) -> float | None:
        """The same of decoding, None if nothing was decoded."""
        return self.least_decoding_seconds / self.decoding_seconds if self.decoding_seconds else None

    def since(self, earlier: "EngineStats") -> "EngineStats":
        """What came after the earlier one of the same engine."""
        return EngineStats(
            level=self.level,
            requests=self.requests - earlier.requests,
            tokens_run=self.tokens_run - earlier.tokens_run,
            least_tokens=self.least_tokens - earlier.least_tokens,
            prefix_tokens=self.prefix_tokens - earlier.prefix_tokens,
            stored_prefix_tokens=self.stored_prefix_tokens - earlier.stored_prefix_tokens,
            seconds=self.seconds - earlier.seconds,
            least_seconds=self.least_seconds - earlier.least_seconds,
            decoded_tokens=self.decoded_tokens - earlier.decoded_tokens,
            decoding_seconds=self.decoding_seconds - earlier.decoding_seconds,
            least_decoding_seconds=self.least_decoding_seconds - earlier.least_decoding_seconds,
        )

    def __add__(self, later: "EngineStats") -> "EngineStats":
        """Both together, at the later one's level."""
        return EngineStats(
            level=later.level,
            requests=self.requests + later.requests,
            tokens_run=self.tokens_run + later.tokens_run,
            least_tokens=self.least_tokens + later.least_tokens,
            prefix_tokens=self.prefix_tokens + later.prefix_tokens,
            stored_prefix_tokens=self.stored_prefix_tokens + later.stored_prefix_tokens,
            seconds=self.seconds + later.seconds,
            least_seconds=self.least_seconds + later.least_seconds,
        ).with_decoding_of(self, later)

    def with_decoding_of(self, *others: "EngineStats") -> "EngineStats":
        """The same, and what decoding took in others."""
        every = (self, *others)
        return replace(
            self,
            decoded_tokens=sum(each.decoded_tokens for each in every),
            decoding_seconds=sum(each.decoding_seconds for each in every),
            least_decoding_seconds=sum(each.least_decoding_seconds for each in every),
        )


class Engine(Protocol):
    """A language model that serves the optimizer role, the scorer role or both.

    What is asked for in a list is answered in a list as long: nothing for nothing. Messages are the turns
    that every chat template takes, see are_turns. The tests' conformance suite holds every engine to this.

    digest names the weights and the template ("model:sha256:..."); numerics names everything else that can
    move the last bits of a log-probability (dtype, quantisation, device, level). tokens_run counts the tokens
    that really went through the model, padding excluded.
    """

    @property
    def digest(self) -> str: ...
    @property
    def numerics(self) -> str: ...
    @property
    def chat(self) -> bool:
        """Whether the model has a chat template; a pre-trained one is prompted with plain text."""
        ...

    @property
    def device(self) -> str:
        """Where it computes, in torch's words: "cpu", "cuda", ..."""
        ...

    @property
    def context_length(self) -> int: ...
    @property
    def tokens_run(self) -> int: ...

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        """Ids of the whole prompt, the assistant's turn opened and begun with prefill, tokenised jointly.

        closed appends what ends the assistant's turn. Control tokens inside contents are encoded as text. Of
        empty turns to a pre-trained model there may be no ids.
        """
        ...

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        """encode for each of the prefills; what the prompts share is rendered and tokenised once."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids. Control tokens have none, nor have ids that the tokenizer does not know."""
        ...

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """One reply a request, in order. Raises DataError if one is longer than the context."""
        ...

    def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        """Greedy decoding (temperature 0); one reply a request, in order.

        Raises DataError if a prompt with its longest reply is longer than the context.
        """
        ...

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        """n independent samples from one prefilled prompt; the same seed gives the same samples.

        At temperature 0 they are n times the greedy reply. n and temperature are not negative. Raises
        DataError as generate does.
        """
        ...

    def effort(self) -> EngineStats:
        """What loglikelihood has taken since the model was loaded; measuring the machine takes a second."""
        ...
