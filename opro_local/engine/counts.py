"""The least work that requests need, counted on the trie of their ids. Pure id arithmetic, no torch.

A node of the trie is a token with all that stands before it. It must be run if something is scored behind
it; the last token of a choice or of a reply therefore never is. What that work costs a model, limits.py
knows.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from opro_local.llm import ChoiceRequest, GenerationReply, GenerationRequest, TokenIds

ID_BYTES = array("I").itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What cannot be avoided.

    unique_tokens are run, cached_tokens of earlier calls or steps read, head_rows places have a next token
    scored. context_tokens sums over the tokens run how many each sees, itself included; window_tokens is the
    same where at most a window's are seen. passes is how often all weights must be read.
    """

    unique_tokens: int
    cached_tokens: int
    head_rows: int
    context_tokens: int
    window_tokens: int
    passes: int

    @classmethod
    def nothing(cls) -> "Counts":
        """No work at all."""
        return cls(unique_tokens=0, cached_tokens=0, head_rows=0, context_tokens=0, window_tokens=0, passes=0)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            unique_tokens=self.unique_tokens + other.unique_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            head_rows=self.head_rows + other.head_rows,
            context_tokens=self.context_tokens + other.context_tokens,
            window_tokens=self.window_tokens + other.window_tokens,
            passes=self.passes + other.passes,
        )


def count(
    requests: Sequence[ChoiceRequest], known: Iterable[TokenIds] = (), *, window: int | None = None
) -> Counts:
    """The work of one call when the nodes of the known id sequences need not be run again."""
    scored = set(chain.from_iterable(map(_scored_nodes, requests)))
    return _counts(scored, known, head_rows=len(scored), window=window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """The work of greedy or sampled replies: their prompts are read first, then they are written in steps."""

    prompts: Counts
    steps: Counts

    @classmethod
    def nothing(cls) -> "Decoding":
        """No work at all."""
        return cls(prompts=Counts.nothing(), steps=Counts.nothing())

    def __add__(self, other: "Decoding") -> "Decoding":
        return Decoding(prompts=self.prompts + other.prompts, steps=self.steps + other.steps)


def count_generation(
    requests: Sequence[GenerationRequest],
    replies: Sequence[GenerationReply],
    known: Iterable[TokenIds] = (),
    *,
    window: int | None = None,
) -> Decoding:
    """The work of one call of replies with their ids, each row's tokens its own.

    A step gives each row that has not ended one token. What a draft said before is read with the prompt.
    """
    rows = [_begun(request, reply) for request, reply in zip(requests, replies, strict=True)]
    return Decoding(
        prompts=count([row.read for row in rows], known, window=window), steps=_step_counts(rows, window)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A reply behind its prompt: what is read with it, scored as a choice would be, and steps from there."""

    read: ChoiceRequest
    steps: int

    @property
    def path(self) -> TokenIds:
        return self.read.context + self.read.choices[0][:-1]


def _begun(request: GenerationRequest, reply: GenerationReply) -> _Begun:
    confirmed = max((_common(_key(draft), _key(reply.ids)) for draft in request.drafts), default=0)
    first = reply.ids[: confirmed + 1] or (0,)  # a prompt without a reply was read all the same
    return _Begun(
        read=ChoiceRequest(context=request.prompt, choices=(first,)),
        steps=max(0, len(reply.ids) - len(first)),
    )


def _step_counts(rows: Sequence[_Begun], window: int | None) -> Counts:
    spans = [(len(row.path), len(row.path) + row.steps) for row in rows]
    steps = sum(row.steps for row in rows)
    own = sum(_seen(max(0, row.steps - 1), window) for row in rows)
    return Counts(
        unique_tokens=steps,
        cached_tokens=own + _read_behind(rows, window),
        head_rows=steps,
        context_tokens=sum(_seen(end, None) - _seen(start, None) for start, end in spans),
        window_tokens=sum(_seen(end, window) - _seen(start, window) for start, end in spans),
        passes=max((row.steps for row in rows), default=0),
    )


def _read_behind(rows: Sequence[_Begun], window: int | None) -> int:
    """Nodes of the prompts that the steps read, all together; of a window no more than it a step."""
    lengths = sorted({0, *(row.steps for row in rows)})
    return sum(
        (after - before) * (nodes if window is None else min(nodes, window))
        for before, after in pairwise(lengths)
        for nodes in [_trie({_key(row.path) for row in rows if row.steps >= after}, None).nodes]
    )


def naive_tokens(requests: Iterable[ChoiceRequest]) -> int:
    """What goes through the model when nothing is shared; a context with one-token choices goes once."""
    return sum(
        len(request.context) + size - 1
        for request in requests
        for size in ([1] if max(map(len, request.choices)) == 1 else map(len, request.choices))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """Of a trie: its nodes, the sum of their depths, and the same with depths cut to a window."""

    nodes: int
    depths: int
    window_depths: int


def _counts(paths: set[bytes], known: Iterable[TokenIds], *, head_rows: int, window: int | None) -> Counts:
    """What the trie of paths has beyond that of the known ids."""
    kept = {_key(ids) for ids in known}
    own, old = _trie(paths, window), _trie(kept, window)
    both = _trie(paths | kept, window) if kept else own
    return Counts(
        unique_tokens=both.nodes - old.nodes,
        cached_tokens=own.nodes + old.nodes - both.nodes,
        head_rows=head_rows,
        context_tokens=both.depths - old.depths,
        window_tokens=both.window_depths - old.window_depths,
        passes=1,
    )


def _trie(paths: Iterable[bytes], window: int | None) -> _Nodes:
    """In sorted order a path shares with those before it exactly what it shares with the last."""
    spans = [
        (_common(before, path), len(path) // ID_BYTES) for before, path in pairwise([b"", *sorted(paths)])
    ]
    return _Nodes(
        nodes=sum(end - start for start, end in spans),
        depths=sum(_seen(end, None) - _seen(start, None) for start, end in spans),
        window_depths=sum(_seen(end, window) - _seen(start, window) for start, end in spans),
    )


def _scored_nodes(request: ChoiceRequest) -> Iterable[bytes]:
    context = _key(request.context)
    for choice in request.choices:
        ids = _key(choice)
        yield from (context + ids[:end] for end in range(0, len(ids), ID_BYTES))


def _seen(length: int, window: int | None) -> int:
    """How many tokens the first length tokens of a text see together: 1 + 2 + ... up to the window."""
    whole = length if window is None else min(length, window)
    return whole * (whole + 1) // 2 + (length - whole) * whole


def _key(ids: TokenIds) -> bytes:
    """The ids in fixed width: bytes are sorted and compared many times as fast as tuples."""
    return array("I", ids).tobytes()


def _common(a: bytes, b: bytes) -> int:
    """How many first ids two keys have in common: the first bit that differs tells."""
    size = min(len(a), len(b))
    differing = int.from_bytes(a[:size]) ^ int.from_bytes(b[:size])
    return (size - (differing.bit_length() + 7) // 8) // ID_BYTES
