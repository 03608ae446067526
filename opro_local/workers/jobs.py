"""What a worker is asked for, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.effort import EngineStats
from opro_local.llm import (
    ChoiceReply,
    ChoiceRequest,
    Engine,
    GenerationReply,
    GenerationRequest,
    TokenIds,
)

Reply = ChoiceReply | GenerationReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How replies are sampled, see Engine.sample."""

    n: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A block for the model of this digest: requests of one kind, greedy unless draw says how to sample.

    tokens, about as many as are run for it, and prefix, with which it begins, are for who hands it out.
    """

    digest: str
    requests: Sequence[ChoiceRequest] | Sequence[GenerationRequest]
    tokens: int
    prefix: TokenIds
    draw: Draw | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The replies to a job, in order, with the tokens that went through the model, and the seconds.

    effort is what it took of the model; a pool adds which worker did it.
    """

    replies: Sequence[Reply]
    tokens_run: int
    seconds: float
    effort: EngineStats


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAbout:
    """What is told of a loaded model where its weights are not, see Engine."""

    numerics: str
    chat: bool
    device: str
    context_length: int

    @classmethod
    def of(cls, engine: Engine) -> "ModelAbout":
        return cls(
            numerics=engine.numerics,
            chat=engine.chat,
            device=engine.device,
            context_length=engine.context_length,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A worker: where it runs, on what, with which packages, and its models by digest.

    memory is what they were planned to take, one line each.
    """

    place: str
    hardware: str
    versions: dict[str, str]
    models: dict[str, ModelAbout]
    memory: tuple[str, ...] = ()
