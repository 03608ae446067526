"""Generation for many requests: common prefixes once, keys and values kept (E1), or all run anew each step
(E0).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.engine.batches import Work, in_chunks, with_back_off
from opro_local.engine.cache import Placed
from opro_local.engine.continuations import RecomputedRows, behind_prefix, copies
from opro_local.engine.decode import Decoder, greedy, sampler
from opro_local.engine.forward import Body
from opro_local.engine.plan import Group, group_by_prefix, padded_chunks
from opro_local.engine.rows import trunk_row
from opro_local.llm import GenerationReply, GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """n independent draws at a temperature above 0; the seed decides them all."""

    n: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Continues prompts. token_budget bounds the padded tokens of one batch, new ones included."""

    body: Body
    decoder: Decoder
    token_budget: int

    def shared(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        """Greedy at level E1: each common prefix is run once."""
        replies: dict[int, GenerationReply] = {}
        for group in group_by_prefix([request.prompt for request in requests]):
            if not group.members:
                continue
            members = [requests[i] for i in group.members]
            replies |= zip(group.members, self._continue_group(group, members), strict=True)
        return [replies[i] for i in range(len(requests))]

    def whole(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        """Greedy at level E0."""

        def work(batch: Sequence[GenerationRequest]) -> list[GenerationReply]:
            rows = RecomputedRows(self.body, [request.prompt for request in batch])
            return self.decoder.run(batch, rows.run(), rows, pick=greedy)

        return self._in_chunks(requests, work, shared=0)

    def sample_shared(self, request: GenerationRequest, sampling: Sampling) -> list[GenerationReply]:
        """Samples at level E1: the prompt is run once."""
        prefix = self.body.prefix(Placed(row=trunk_row(request.prompt, 0), prefix=None))

        def work(numbers: Sequence[int]) -> list[GenerationReply]:
            hidden, rows = copies(self.body, prefix, len(numbers))
            pick = sampler(numbers, temperature=sampling.temperature, seed=sampling.seed)
            return self.decoder.run([request] * len(numbers), hidden, rows, pick=pick)

        return with_back_off(range(sampling.n), work)

    def sample_whole(self, request: GenerationRequest, sampling: Sampling) -> list[GenerationReply]:
        """Samples at level E0."""

        def work(numbers: Sequence[int]) -> list[GenerationReply]:
            rows = RecomputedRows(self.body, [request.prompt] * len(numbers))
            pick = sampler(numbers, temperature=sampling.temperature, seed=sampling.seed)
            return self.decoder.run([request] * len(numbers), rows.run(), rows, pick=pick)

        return with_back_off(range(sampling.n), work)

    def _continue_group(self, group: Group, members: Sequence[GenerationRequest]) -> list[GenerationReply]:
        prefix = (
            self.body.prefix(Placed(row=trunk_row(group.prefix, 0), prefix=None)) if group.prefix else None
        )

        def work(batch: Sequence[GenerationRequest]) -> list[GenerationReply]:
            hidden, rows = behind_prefix(self.body, [request.prompt for request in batch], prefix)
            return self.decoder.run(batch, hidden, rows, pick=greedy)

        return self._in_chunks(members, work, shared=len(group.prefix))

    def _in_chunks(
        self,
        requests: Sequence[GenerationRequest],
        work: Work[GenerationRequest, GenerationReply],
        *,
        shared: int,
    ) -> list[GenerationReply]:
        lengths = [len(request.prompt) - shared + request.max_tokens for request in requests]
        return in_chunks(requests, work, padded_chunks(lengths, shared=shared, budget=self.token_budget))
