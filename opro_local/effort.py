"""What a model took for its work, counted where it is done, and what of it each worker did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import zip_longest


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """Of a worker, for all models: requests answered, tokens run, seconds at work, and how often it died.

    present are the seconds that it was there for a search, at work or not; 0 where nobody has counted them.
    """

    place: str
    requests: int
    tokens_run: int
    seconds: float
    deaths: int
    present: float = 0.0

    def since(self, earlier: "WorkerStats") -> "WorkerStats":
        """What came after the earlier one of the same worker."""
        return replace(
            self,
            requests=self.requests - earlier.requests,
            tokens_run=self.tokens_run - earlier.tokens_run,
            seconds=self.seconds - earlier.seconds,
            deaths=self.deaths - earlier.deaths,
            present=self.present - earlier.present,
        )

    def __add__(self, later: "WorkerStats") -> "WorkerStats":
        """Both of the same worker."""
        return WorkerStats(
            place=later.place,
            requests=self.requests + later.requests,
            tokens_run=self.tokens_run + later.tokens_run,
            seconds=self.seconds + later.seconds,
            deaths=self.deaths + later.deaths,
            present=self.present + later.present,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """What scoring by likelihood, and decoding, took, beside what they need at the least on this machine.

    tokens_run went through the model, least_tokens had to: those that no other prompt of the call and no
    stored prefix shares. Of prefix_tokens that prompts shared, stored_prefix_tokens were kept from earlier
    calls. least_seconds is the time of least_tokens at the machine's best rate. The last three are of
    generate and sample: tokens of replies, seconds, their prompts included, and the least seconds, where each
    step reads the weights and the keys of all tokens before it once. With workers, seconds are those of all,
    and workers tells of each, by number.
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
    workers: tuple[WorkerStats, ...] = ()

    @property
    def efficiency(self) -> float | None:
        """The share of the machine's limit that was reached, None if nothing went through the model."""
        return self.least_seconds / self.seconds if self.tokens_run and self.seconds else None

    @property
    def decoding_efficiency(self) -> float | None:
        """The same of decoding, None if nothing was decoded."""
        return self.least_decoding_seconds / self.decoding_seconds if self.decoding_seconds else None

    def over(self, seconds: float) -> "EngineStats":
        """The same, its workers there for so many seconds."""
        return replace(self, workers=tuple(replace(worker, present=seconds) for worker in self.workers))

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
            workers=_since(self.workers, earlier.workers),
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
        """The same, and what decoding took in others, with what each worker did in all."""
        every = (self, *others)
        return replace(
            self,
            decoded_tokens=sum(each.decoded_tokens for each in every),
            decoding_seconds=sum(each.decoding_seconds for each in every),
            least_decoding_seconds=sum(each.least_decoding_seconds for each in every),
            workers=reduce(_together, (each.workers for each in every)),
        )


NOTHING = EngineStats(
    level="",
    requests=0,
    tokens_run=0,
    least_tokens=0,
    prefix_tokens=0,
    stored_prefix_tokens=0,
    seconds=0.0,
    least_seconds=0.0,
)
"""Of an engine that has done nothing yet."""


def _together(some: Sequence[WorkerStats], others: Sequence[WorkerStats]) -> tuple[WorkerStats, ...]:
    """Of the same workers, where either may be told of none."""
    return tuple(a + b if a and b else a or b for a, b in zip_longest(some, others))


def _since(workers: Sequence[WorkerStats], earlier: Sequence[WorkerStats]) -> tuple[WorkerStats, ...]:
    """Of the same workers, or of all that there are where none was told of before."""
    if len(workers) != len(earlier):
        return tuple(workers)
    return tuple(now.since(before) for now, before in zip(workers, earlier, strict=True))
