"""An engine whose work is cut into blocks, each done by itself: by workers, or by one engine here.

A block's numbers depend on its requests alone, so a call has the same replies with any number of workers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from opro_local.effort import NOTHING, EngineStats
from opro_local.llm import (
    ChoiceReply,
    ChoiceRequest,
    Engine,
    GenerationReply,
    GenerationRequest,
    Message,
    TokenIds,
)
from opro_local.workers.blocks import cut_blocks
from opro_local.workers.holder import done
from opro_local.workers.jobs import Done, Draw, Job, ModelAbout

Q = TypeVar("Q", ChoiceRequest, GenerationRequest)


class Texts(Protocol):
    """What a model makes of texts; no weights are needed for it. See Engine."""

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds: ...
    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]: ...
    def decode(self, ids: Sequence[int]) -> str: ...


class Hands(Protocol):
    """Who does jobs."""

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Done]]:
        """The places of jobs with what was done, in the order in which they are done."""
        ...


class OwnHands:
    """One process does all jobs, one after the other, with engines that are repeatable."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = engines

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Done]]:
        for place, job in enumerate(jobs):
            yield place, done(self._engines[job.digest], job)


class SpreadEngine:
    """Implements opro_local.llm.Engine by hands that do blocks of its requests."""

    def __init__(self, digest: str, about: ModelAbout, texts: Texts, hands: Hands) -> None:
        self.digest, self.numerics, self.chat = digest, about.numerics, about.chat
        self.device, self.context_length = about.device, about.context_length
        self.tokens_run = 0
        self._texts, self._hands, self._effort = texts, hands, NOTHING

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        """See Engine.encode."""
        return self._texts.encode(messages, prefill, closed=closed)

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        """See Engine.encode_each."""
        return self._texts.encode_each(messages, prefills, closed=closed)

    def decode(self, ids: Sequence[int]) -> str:
        """See Engine.decode."""
        return self._texts.decode(ids)

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """See Engine.loglikelihood."""
        return [reply for reply in self._replies(requests) if isinstance(reply, ChoiceReply)]

    def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        """See Engine.generate."""
        return [reply for reply in self._replies(requests) if isinstance(reply, GenerationReply)]

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        """See Engine.sample."""
        if n == 0:
            return []
        job = Job(
            digest=self.digest,
            requests=(request,),
            tokens=len(request.prompt) + n * request.max_tokens,
            prefix=request.prompt,
            draw=Draw(n=n, temperature=temperature, seed=seed),
        )
        ((_, replies),) = self._run([job])
        return [reply for reply in replies if isinstance(reply, GenerationReply)]

    def effort(self) -> EngineStats:
        """See Engine.effort; seconds are those of all hands together."""
        return self._effort

    def _replies(self, requests: Sequence[Q]) -> list[ChoiceReply | GenerationReply]:
        blocks = cut_blocks(requests)
        jobs = [
            Job(
                digest=self.digest,
                requests=[requests[place] for place in block.places],
                tokens=block.tokens,
                prefix=block.prefix,
            )
            for block in blocks
        ]
        replies = {
            place: reply
            for number, found in self._run(jobs)
            for place, reply in zip(blocks[number].places, found, strict=True)
        }
        return [replies[place] for place in range(len(requests))]

    def _run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Sequence[ChoiceReply | GenerationReply]]]:
        for number, finished in self._hands.run(jobs):
            self.tokens_run += finished.tokens_run
            self._effort += finished.effort
            yield number, finished.replies


def spread(engines: Mapping[str, Engine]) -> dict[str, Engine]:
    """The same engines, each call cut into blocks."""
    hands = OwnHands(engines)
    return {
        digest: SpreadEngine(digest, ModelAbout.of(engine), engine, hands)
        for digest, engine in engines.items()
    }
