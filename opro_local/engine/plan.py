"""Which prompts share a prefix, and which rows go through the model together. Pure id arithmetic, no torch.

Prompts are sorted, so all that share a prefix stand side by side, and those intervals form a tree. On that
tree the cheapest set of prefixes is found exactly: a prefix is worth a pass of its own where the rows below
it save more tokens than it costs. Prefixes nest: the instruction's stands behind the header's, so that the
header is run once. What a store of earlier calls already holds costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from math import ceil

from opro_local.llm import TokenIds, common_length

PASS_OVERHEAD_TOKENS = 16
"""What one more pass costs besides its tokens: a pass of one token takes as long as ten of a large pass."""

DEEPEST_SPLIT = 64
"""Levels of the tree that are looked at; rows that differ only below share what the level above shares."""

CACHED_TOKENS_A_TOKEN = 16
"""So many cached tokens may be read, and copied into a row, for one token of the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that start with the same prefix; an empty prefix means that nothing is shared.

    The first parent tokens of the prefix are another group's prefix, behind which the rest is run. A group
    without members is there for the groups behind it.
    """

    prefix: TokenIds
    parent: int = 0
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """Sorted rows from first to end that share depth tokens: single rows and intervals that share more."""

    depth: int
    first: int
    end: int
    leaves: tuple[int, ...]
    parts: tuple["_Interval", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to run an interval: the groups it opens, and the rows it leaves to a prefix above."""

    tokens: int
    opened: tuple["_Opening", ...]
    left: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """A prefix of depth tokens of a sorted row, behind parent tokens of it, and the rows that use it."""

    row: int
    depth: int
    parent: int
    members: tuple[int, ...]


def group_by_prefix(
    prompts: Sequence[TokenIds], *, known: Sequence[int] | None = None, overhead: int = PASS_OVERHEAD_TOKENS
) -> list[Group]:
    """Partition the prompts so that the prefixes once plus all suffixes are the fewest tokens to run.

    known[i] counts the first tokens of prompt i that need not be run again. At least one token of every
    prompt is left to run. Groups come after the groups that they stand behind, members in lexicographic
    order of their ids, so the groups do not depend on the order of the prompts.
    """
    if not prompts:
        return []
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    rows = [prompts[i] for i in order]
    held = [0] * len(rows) if known is None else [min(known[i], len(prompts[i]) - 1) for i in order]
    # Two equal prompts still leave a token each to run.
    shared = [0, *(min(common_length(a, b), len(a) - 1) for a, b in pairwise(rows))]
    way = _Search([len(row) for row in rows], held, overhead).cheapest(_interval(shared, 0, len(rows), 0), 0)
    top = (_Opening(row=0, depth=0, parent=0, members=way.left),) if way.left else ()
    return [
        Group(
            prefix=rows[opening.row][: opening.depth],
            parent=opening.parent,
            members=tuple(order[i] for i in sorted(opening.members)),
        )
        for opening in sorted((*top, *way.opened), key=lambda opening: opening.depth)
    ]


def padded_chunks(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Cut rows into forwards of at most budget padded tokens, longest first; every chunk has a row.

    lengths counts the tokens a row. Ties keep their order.
    """
    result: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        widest = lengths[result[-1][0]] if result else 0
        if result and (len(result[-1]) + 1) * widest <= budget:
            result[-1].append(row)
        else:
            result.append([row])
    return result


def line_chunks(costs: Sequence[int], *, budget: int) -> list[list[int]]:
    """Cut rows, in their order, into lines of about equal cost within the budget; every line has a row."""
    total = sum(costs)
    limit = ceil(total / max(1, ceil(total / budget)))
    result: list[list[int]] = []
    used = 0
    for row, cost in enumerate(costs):
        # A line takes a row as long as that brings it nearer to the limit.
        if result and used + cost <= budget and used + cost / 2 <= limit:
            result[-1].append(row)
            used += cost
        else:
            result.append([row])
            used = cost
    return result


def _interval(shared: Sequence[int], first: int, end: int, level: int) -> _Interval:
    """The tree of rows first to end; shared[i] is what row i has in common with row i-1."""
    depth = min(shared[first + 1 : end], default=0)
    is_cut = [level == DEEPEST_SPLIT or shared[i] == depth for i in range(first + 1, end)]
    cuts = [first, *(i for i, cut in enumerate(is_cut, first + 1) if cut), end]
    spans = list(pairwise(cuts))
    return _Interval(
        depth=depth,
        first=first,
        end=end,
        leaves=tuple(a for a, b in spans if b - a == 1),
        parts=tuple(_interval(shared, a, b, level + 1) for a, b in spans if b - a > 1),
    )


class _Search:
    """Finds the cheapest way bottom-up; a sub-interval is solved once for each prefix it may stand under."""

    def __init__(self, lengths: Sequence[int], known: Sequence[int], overhead: int) -> None:
        self._lengths = lengths
        self._known = known
        self._overhead = overhead
        self._solved: dict[tuple[int, int, int], _Way] = {}

    def cheapest(self, node: _Interval, above: int) -> _Way:
        """Leave the rows to a prefix of above tokens or open a group here, whichever runs fewer tokens."""
        key = (node.first, node.depth, above)
        if key not in self._solved:
            closed, opened = self._join(node, above), self._open(node, above)
            self._solved[key] = min(closed, opened, key=lambda way: way.tokens)
        return self._solved[key]

    def _open(self, node: _Interval, above: int) -> _Way:
        inner = self._join(node, node.depth)
        known = max(self._known[node.first : node.end])
        own = _Opening(row=node.first, depth=node.depth, parent=above, members=inner.left)
        return _Way(
            tokens=inner.tokens + max(0, node.depth - max(above, known)) + self._overhead,
            opened=(own, *inner.opened),
            left=(),
        )

    def _join(self, node: _Interval, above: int) -> _Way:
        ways = [
            *(self.cheapest(part, above) for part in node.parts),
            *(self._alone(leaf, above) for leaf in node.leaves),
        ]
        return _Way(
            tokens=sum(way.tokens for way in ways),
            opened=tuple(chain.from_iterable(way.opened for way in ways)),
            left=tuple(chain.from_iterable(way.left for way in ways)),
        )

    def _alone(self, row: int, above: int) -> _Way:
        """A row that shares nothing more within the call; what is known of it may still serve."""
        length, known = self._lengths[row], self._known[row]
        if known - above <= self._overhead:
            return _Way(tokens=length - above, opened=(), left=(row,))
        own = _Opening(row=row, depth=known, parent=above, members=(row,))
        return _Way(tokens=length - known + self._overhead, opened=(own,), left=())
