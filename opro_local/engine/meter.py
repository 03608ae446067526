"""How near scoring and decoding come to what this machine could do at best: counted and timed as they go."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

from transformers import PreTrainedModel

from opro_local.effort import EngineStats
from opro_local.engine.counts import Counts, Decoding, count, count_generation
from opro_local.engine.limits import Peaks, least_decoding_seconds, least_seconds, measure_peaks, read_cost
from opro_local.engine.masks import AttentionKinds
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.work import Work
from opro_local.llm import ChoiceReply, ChoiceRequest, GenerationReply, GenerationRequest

SMALL_COPY_BYTES = 2**26
"""Larger than a last-level cache, and small beside the model."""

Score = Callable[[Sequence[ChoiceRequest]], list[ChoiceReply]]


class Meter:
    """Adds up what calls that score and calls that write need at the least, and their seconds.

    peaks are measured when they are first needed, unless they are set before.
    """

    def __init__(
        self, model: PreTrainedModel, *, work: Work, store: PrefixStore, kinds: AttentionKinds | None
    ) -> None:
        self._model, self._work, self._store = model, work, store
        self._cost = read_cost(model, kinds)
        self._least = Counts.nothing()
        self._seconds = 0.0
        self._tokens_run = self._requests = 0
        self._prefix_tokens = self._stored_tokens = 0
        self._least_decoding = Decoding.nothing()
        self._decoding_seconds = 0.0
        self._decoded_tokens = 0
        self.peaks: Peaks | None = None

    def run(self, score: Score, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """score(requests), measured."""
        least = count(requests, self._store.ids(), window=self._cost.window)
        tokens, figures = self._work.tokens_run, replace(self._store.figures)
        start = perf_counter()
        replies = score(requests)
        self._seconds += perf_counter() - start
        self._tokens_run += self._work.tokens_run - tokens
        self._requests += len(requests)
        self._prefix_tokens += self._store.figures.tokens_wanted - figures.tokens_wanted
        self._stored_tokens += self._store.figures.tokens_found - figures.tokens_found
        self._least += least
        return replies

    def decode(
        self, write: Callable[[], list[GenerationReply]], requests: Sequence[GenerationRequest]
    ) -> list[GenerationReply]:
        """write(), measured; its replies answer the requests, one each."""
        known = self._store.ids()
        start = perf_counter()
        replies = write()
        self._decoding_seconds += perf_counter() - start
        self._decoded_tokens += sum(reply.tokens for reply in replies)
        self._least_decoding += count_generation(requests, replies, known, window=self._cost.window)
        return replies

    def effort(self, level: str) -> EngineStats:
        """All calls so far."""
        peaks = self.peaks = self.peaks or measure_peaks(self._model, copy_bytes=SMALL_COPY_BYTES)
        return EngineStats(
            level=level,
            requests=self._requests,
            tokens_run=self._tokens_run,
            least_tokens=self._least.unique_tokens,
            prefix_tokens=self._prefix_tokens,
            stored_prefix_tokens=self._stored_tokens,
            seconds=self._seconds,
            least_seconds=least_seconds(self._cost, self._least, peaks),
            decoded_tokens=self._decoded_tokens,
            decoding_seconds=self._decoding_seconds,
            least_decoding_seconds=least_decoding_seconds(self._cost, self._least_decoding, peaks),
        )
