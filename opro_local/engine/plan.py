"""Which prompts share a prefix, and which rows go through the model together. Pure id arithmetic, no torch.

Prompts are sorted, so all that share a prefix stand side by side, and those intervals form a tree. On that
tree the cheapest set of prefixes is found exactly: a prefix is worth a pass of its own where the rows below
it save more tokens than it costs. One level of reuse: a prefix is always computed alone and from nothing,
so that its numbers do not depend on what else is in the call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from opro_local.llm import TokenIds

PASS_OVERHEAD_TOKENS = 16
"""What one more pass costs besides its tokens: a pass of one token takes as long as ten of a large pass."""

DEEPEST_SPLIT = 64
"""Levels of the tree that are looked at; rows that differ only below share what the level above shares."""

CACHED_TOKENS_A_TOKEN = 16
"""So many cached tokens may be read, and copied into a row, for one token of the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that start with the same prefix; an empty prefix means that nothing is shared."""

    prefix: TokenIds
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """Sorted rows from first on that share depth tokens: single rows and intervals that share more."""

    depth: int
    first: int
    leaves: tuple[int, ...]
    parts: tuple["_Interval", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to run an interval: the groups it opens as (depth, rows), and rows left to a prefix above."""

    tokens: int
    opened: tuple[tuple[int, tuple[int, ...]], ...]
    left: tuple[int, ...]


def group_by_prefix(prompts: Sequence[TokenIds], *, overhead: int = PASS_OVERHEAD_TOKENS) -> list[Group]:
    """Partition the prompts so that the prefixes once plus all suffixes are the fewest tokens.

    At least one token of every prompt is left to run. Members are in lexicographic order of their ids, so the
    groups do not depend on the order of the prompts.
    """
    if not prompts:
        return []
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    rows = [prompts[i] for i in order]
    shared = [0, *(_shared(a, b) for a, b in pairwise(rows))]
    way = _Search([len(row) for row in rows], overhead).cheapest(_interval(shared, 0, len(rows), 0), 0)
    groups = (*way.opened, (0, way.left)) if way.left else way.opened
    return [
        Group(prefix=rows[members[0]][:depth], members=tuple(order[i] for i in sorted(members)))
        for depth, members in groups
    ]


def chunks(lengths: Sequence[int], *, shared: int, budget: int) -> list[list[int]]:
    """Cut rows into forwards of at most budget padded tokens, longest first; every chunk has a row.

    lengths counts the tokens run a row, shared the cached tokens that each row reads. Ties keep their order.
    """
    result: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        widest = lengths[result[-1][0]] if result else 0
        if result and (len(result[-1]) + 1) * (widest + shared // CACHED_TOKENS_A_TOKEN) <= budget:
            result[-1].append(row)
        else:
            result.append([row])
    return result


def _shared(a: TokenIds, b: TokenIds) -> int:
    """Length of the common prefix that leaves both rows a token to run."""
    limit = min(len(a), len(b)) - 1
    return next((i for i in range(limit) if a[i] != b[i]), limit)


def _interval(shared: Sequence[int], first: int, end: int, level: int) -> _Interval:
    """The tree of rows first to end; shared[i] is what row i has in common with row i-1."""
    depth = min(shared[first + 1 : end], default=0)
    is_cut = [level == DEEPEST_SPLIT or shared[i] == depth for i in range(first + 1, end)]
    cuts = [first, *(i for i, cut in enumerate(is_cut, first + 1) if cut), end]
    spans = list(pairwise(cuts))
    return _Interval(
        depth=depth,
        first=first,
        leaves=tuple(a for a, b in spans if b - a == 1),
        parts=tuple(_interval(shared, a, b, level + 1) for a, b in spans if b - a > 1),
    )


class _Search:
    """Finds the cheapest way bottom-up; a sub-interval is solved once for each prefix it may stand under."""

    def __init__(self, lengths: Sequence[int], overhead: int) -> None:
        self._lengths = lengths
        self._overhead = overhead
        self._known: dict[tuple[int, int, int], _Way] = {}

    def cheapest(self, node: _Interval, above: int) -> _Way:
        """Leave the rows to a prefix of above tokens or open a group here, whichever runs fewer tokens."""
        key = (node.first, node.depth, above)
        if key not in self._known:
            closed, opened = self._join(node, above), self._open(node)
            self._known[key] = min(closed, opened, key=lambda way: way.tokens)
        return self._known[key]

    def _open(self, node: _Interval) -> _Way:
        inner = self._join(node, node.depth)
        own = ((node.depth, inner.left),) if inner.left else ()
        return _Way(tokens=inner.tokens + node.depth + self._overhead, opened=(*inner.opened, *own), left=())

    def _join(self, node: _Interval, above: int) -> _Way:
        parts = [self.cheapest(part, above) for part in node.parts]
        return _Way(
            tokens=sum(part.tokens for part in parts) + sum(self._lengths[i] - above for i in node.leaves),
            opened=tuple(chain.from_iterable(part.opened for part in parts)),
            left=(*node.leaves, *chain.from_iterable(part.left for part in parts)),
        )
