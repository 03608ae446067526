"""Generation for many requests: what prompts share once and keys and values kept (E2, E3), or all run anew
in each step (E0).

Drafts of a reply hang as a tree behind its prompt and go through the model with it. As far as the greedy
reply walks along that tree its tokens are known without a step of their own; from there it is decoded as
usual. A draft changes how many passes a reply takes, never the reply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor

from opro_local.engine.batches import NoNumbers, in_chunks, with_back_off
from opro_local.engine.cache import Placed, Prefix, Trail
from opro_local.engine.constraints import Constraints, Progress
from opro_local.engine.continuations import RecomputedRows
from opro_local.engine.decode import NO_NUMBER, Decoder, Greedy, OpenReply, Pick, Sampler
from opro_local.engine.forward import Body
from opro_local.engine.plan import padded_chunks
from opro_local.engine.prefixes import Prefixes
from opro_local.engine.rows import Row, draft_row
from opro_local.llm import GenerationReply, GenerationRequest, TokenIds

WAITING_BYTES = 2**28
"""Keys and values of prompts that wait for being decoded together; many rows make a step worth its while."""

NODES = 256
"""Nodes of drafts whose allowed tokens are worked out together: a byte for each token of the vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """n independent draws at a temperature above 0; the seed decides them all."""

    n: int
    temperature: float
    seed: int

    def pick(self, decoder: Decoder, numbers: Sequence[int], request: GenerationRequest) -> Pick:
        """How these of the draws are made."""
        sampler = Sampler(
            decoder.head,
            numbers,
            temperature=self.temperature,
            seed=self.seed,
            places=request.max_tokens,
        )
        return decoder.obeying(sampler, [request] * len(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeGeneration:
    """Level E0; drafts are not used. token_budget bounds the padded tokens of a batch, new ones included."""

    body: Body
    decoder: Decoder
    token_budget: int

    def greedy(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        def work(numbers: Sequence[int]) -> list[GenerationReply]:
            asked = [requests[i] for i in numbers]
            return self._run(asked, numbers, self.decoder.obeying(Greedy(self.decoder.head), asked))

        lengths = [request.tokens for request in requests]
        chunks = padded_chunks(lengths, budget=self.token_budget)
        return in_chunks(range(len(requests)), work, chunks)

    def sample(self, request: GenerationRequest, sampling: Sampling) -> list[GenerationReply]:
        def work(numbers: Sequence[int]) -> list[GenerationReply]:
            return self._run([request] * len(numbers), numbers, sampling.pick(self.decoder, numbers, request))

        return with_back_off(range(sampling.n), work)

    def _run(
        self, requests: Sequence[GenerationRequest], numbers: Sequence[int], pick: Pick
    ) -> list[GenerationReply]:
        rows = RecomputedRows(self.body, [request.prompt for request in requests])
        replies = self.decoder.begin(requests, numbers, rows.run(), pick=pick)
        self.decoder.run(replies, rows, pick=pick)
        return [reply.closed() for reply in replies]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A prompt, its reply as far as it is known, and what it goes on behind (None once it has ended)."""

    placed: Placed
    reply: OpenReply
    trail: Trail | None = None

    def without_drafts(self) -> "_Begun":
        return replace(self, placed=_placed(self.reply.request.prompt, (), self.placed.prefix))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedGeneration:
    """Levels E2 and E3."""

    body: Body
    decoder: Decoder
    prefixes: Prefixes

    def greedy(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        shared = self.prefixes.of([request.prompt for request in requests])
        rows = [
            _Begun(
                placed=_placed(requests[i].prompt, _drafts(requests[i]), group.prefix),
                reply=OpenReply(number=i, request=requests[i]),
            )
            for group in shared
            for i in group.members
        ]
        done: dict[int, GenerationReply] = {}
        waiting: list[_Begun] = []
        for chunk in self.prefixes.reuse.chunks([row.placed for row in rows]):
            begun = with_back_off([rows[i] for i in chunk], self._begin)
            done |= {row.reply.number: row.reply.closed() for row in begun if row.reply.ended}
            waiting += [row for row in begun if not row.reply.ended]
            if sum(row.trail.bytes for row in waiting if row.trail) > WAITING_BYTES:
                done |= self._finish(waiting)
                waiting = []
        done |= self._finish(waiting)
        return [done[i] for i in range(len(requests))]

    def sample(self, request: GenerationRequest, sampling: Sampling) -> list[GenerationReply]:
        """The prompt is run once."""
        (shared,) = self.prefixes.of([request.prompt])
        placed = _placed(request.prompt, (), shared.prefix)
        ((prompt, last),) = with_back_off([placed], self._run_prompts)
        trail = Trail(prefix=prompt, own=())

        def work(numbers: Sequence[int]) -> list[GenerationReply]:
            pick = sampling.pick(self.decoder, numbers, request)
            replies = self.decoder.begin(
                [request] * len(numbers), numbers, last.expand(len(numbers), -1), pick=pick
            )
            self.decoder.run(replies, self.prefixes.reuse.growing([trail] * len(numbers)), pick=pick)
            return [reply.closed() for reply in replies]

        return with_back_off(range(sampling.n), work)

    def _run_prompts(self, rows: Sequence[Placed]) -> list[tuple[Prefix, Tensor]]:
        """Prompts without drafts, and their last hidden states (d,)."""
        states = self.prefixes.reuse.run(rows, keep=True)
        widths = [len(placed.row.ids) for placed in rows]
        return [
            (states.trail(i, placed, range(width)).joined(), states.hidden[first + width - 1])
            for i, (placed, width, first) in enumerate(zip(rows, widths, states.firsts, strict=True))
        ]

    def _begin(self, rows: Sequence[_Begun]) -> list[_Begun]:
        """Run prompts with their drafts, and write what the model confirms of them and one token more."""
        states = self.prefixes.reuse.run([row.placed for row in rows], keep=True)
        nodes = [_nodes(row.placed.row) for row in rows]
        cells = [
            first + column for first, columns in zip(states.firsts, nodes, strict=True) for column in columns
        ]
        tokens = self._likeliest(rows, states.hidden[cells])
        if NO_NUMBER in tokens and (len(rows) > 1 or rows[0].placed.row.choices):
            if len(rows) > 1:
                raise NoNumbers
            return self._begin([rows[0].without_drafts()])  # a NaN in a draft would reach the reply
        best = iter(tokens)
        begun = []
        for at, (row, columns) in enumerate(zip(rows, nodes, strict=True)):
            reply = row.reply.copy()
            walked = self._walk(reply, row.placed.row, {column: next(best) for column in columns})
            trail = None if reply.ended else states.trail(at, row.placed, walked)
            begun.append(_Begun(placed=row.placed, reply=reply, trail=trail))
        return begun

    def _likeliest(self, rows: Sequence[_Begun], hidden: Tensor) -> list[int]:
        """The token at each node of the rows. hidden (N, d)."""
        greedy, constraints = Greedy(self.decoder.head), self.decoder.constraints
        if constraints is None or not any(row.reply.request.constraint for row in rows):
            return list(greedy.next(hidden).tolist())
        nodes = [each for row in rows for each in _at_nodes(constraints, row.reply.request, row.placed.row)]
        tokens: list[int] = []
        for first in range(0, len(nodes), NODES):
            some = slice(first, first + NODES)
            tokens += greedy.next(hidden[some], constraints.allowed(nodes[some], hidden.device)).tolist()
        return tokens

    def _walk(self, reply: OpenReply, row: Row, best: Mapping[int, int]) -> list[int]:
        """Follow the likeliest tokens along the drafts. -> the columns that the reply goes on behind."""
        steps = {(a.column, a.token): b.column for targets in row.choices for a, b in pairwise(targets)}
        column = _stem(row) - 1
        walked = list(range(column + 1))
        while True:
            token = best[column]
            self.decoder.extend(reply, token)
            following = steps.get((column, token))
            if following is None or reply.ended:
                return walked
            walked.append(following)
            column = following

    def _finish(self, rows: Sequence[_Begun]) -> dict[int, GenerationReply]:
        """Decode what has begun to its end."""

        def work(batch: Sequence[_Begun]) -> list[OpenReply]:
            replies = [row.reply.copy() for row in batch]
            if batch:
                continued = self.prefixes.reuse.growing([row.trail for row in batch if row.trail])
                asked, begun = zip(*((reply.request, reply.ids) for reply in replies), strict=True)
                pick = self.decoder.obeying(Greedy(self.decoder.head), asked, begun)
                self.decoder.run(replies, continued, pick=pick)
            return replies

        return {reply.number: reply.closed() for reply in with_back_off(rows, work)}


def _placed(prompt: TokenIds, drafts: Sequence[TokenIds], prefix: Prefix | None) -> Placed:
    return Placed(row=draft_row(prompt, drafts, prefix.length if prefix else 0), prefix=prefix)


def _drafts(request: GenerationRequest) -> list[TokenIds]:
    """Its drafts, as long as a reply may be."""
    return [draft[: request.max_tokens] for draft in request.drafts if draft]


def _nodes(row: Row) -> list[int]:
    """Columns whose next token matters: the prompt's last and all of its drafts."""
    return list(range(_stem(row) - 1, len(row.ids)))


def _at_nodes(constraints: Constraints, request: GenerationRequest, row: Row) -> list[Progress | None]:
    """How far the reply has come at each of _nodes; None where a draft leaves the constraint."""
    found = {_stem(row) - 1: constraints.progress(request)}
    for targets in row.choices:
        progress = constraints.progress(request)
        for at, following in pairwise(targets):
            if progress is None or not progress.take(at.token):
                break
            found[following.column] = progress.copy()
    return [found.get(column) for column in _nodes(row)]


def _stem(row: Row) -> int:
    """How many of the row's tokens are the prompt's."""
    return row.choices[0][0].column + 1 if row.choices else len(row.ids)
