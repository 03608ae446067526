"""How a request lies in a row of tokens. Pure id arithmetic, no torch.

The choices of a request hang as a tree behind its context: a token that several choices begin with is run
once, and the last token of a choice, whose successor nobody asks for, is not run at all. In depth-first
order the descendants of a token are the columns right behind it, so one number a token, `until`, holds the
whole tree: a query in column q sees the key in column k exactly if k <= q < until[k]. A trunk token is seen
by all that follow, a pad by itself alone.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain

from opro_local.llm import ChoiceRequest, TokenIds

NO_TOKEN = -1

FOREVER = 2**31 - 1
"""until of a trunk token: no column lies behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The next token whose log-probability is asked for at a column of the row."""

    column: int
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Tokens to run behind start cached ones; until and column count from the row's own first token.

    choices lists the targets of each choice; its log-probability is their sum.
    """

    start: int
    ids: TokenIds
    positions: tuple[int, ...]
    until: tuple[int, ...]
    choices: tuple[tuple[Target, ...], ...] = ()


def trunk_row(prompt: TokenIds, start: int) -> Row:
    """The part of a prompt behind its first start tokens."""
    length = len(prompt) - start
    return Row(
        start=start,
        ids=prompt[start:],
        positions=tuple(range(start, len(prompt))),
        until=(FOREVER,) * length,
    )


def tree_row(request: ChoiceRequest, start: int) -> Row:
    """The context behind its first start tokens with all choices as a tree behind it."""
    trunk = trunk_row(request.context, start)
    tree = _tree(request.choices, len(trunk.ids))
    return Row(
        start=start,
        ids=trunk.ids + tree.ids,
        positions=trunk.positions + tuple(len(request.context) + depth for depth in tree.depths),
        until=trunk.until + tree.until,
        choices=tree.choices,
    )


def draft_row(prompt: TokenIds, drafts: Sequence[TokenIds], start: int) -> Row:
    """A prompt behind its first start tokens with drafts of its reply as a tree behind it.

    Other than a choice's, the last token of a draft is run too: its choices end in a token that is not there.
    """
    choices = tuple((*draft, NO_TOKEN) for draft in drafts)
    return tree_row(ChoiceRequest(context=prompt, choices=choices), start)


def branches(row: Row) -> Iterator[Row]:
    """Each choice of a row in a row of its own."""
    for targets in row.choices:
        stem = targets[0].column
        columns = [*range(stem + 1), *(target.column for target in targets[1:])]
        yield Row(
            start=row.start,
            ids=tuple(row.ids[column] for column in columns),
            positions=tuple(row.positions[column] for column in columns),
            until=(FOREVER,) * len(columns),
            choices=(tuple(Target(column=stem + i, token=t.token) for i, t in enumerate(targets)),),
        )


def joined(rows: Sequence[Row]) -> Row:
    """Rows behind the same cached tokens as one row: each sees the cached tokens and itself."""
    if len(rows) == 1:
        return rows[0]
    ends = list(accumulate(len(row.ids) for row in rows))
    return Row(
        start=rows[0].start,
        ids=tuple(chain.from_iterable(row.ids for row in rows)),
        positions=tuple(chain.from_iterable(row.positions for row in rows)),
        until=tuple(
            min(until + end - len(row.ids), end)
            for row, end in zip(rows, ends, strict=True)
            for until in row.until
        ),
    )


def chain_rows(request: ChoiceRequest) -> list[Row]:
    """Every choice in a row of its own behind the whole context: no reuse at all."""
    return [
        tree_row(ChoiceRequest(context=request.context, choices=(choice,)), 0) for choice in request.choices
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """Choices behind a stem: the tree's tokens in depth-first order, how far each is behind the stem."""

    ids: TokenIds
    depths: tuple[int, ...]
    until: tuple[int, ...]
    choices: tuple[tuple[Target, ...], ...]


@lru_cache(maxsize=4096)  # the rows of a task have the same choices, and stems of a few lengths
def _tree(choices: tuple[TokenIds, ...], stem: int) -> _Tree:
    paths = sorted({choice[:size] for choice in choices for size in range(1, len(choice))})
    return _Tree(
        ids=tuple(path[-1] for path in paths),
        depths=tuple(len(path) - 1 for path in paths),
        until=tuple(stem + _end_of_subtree(paths, at) for at in range(len(paths))),
        choices=tuple(_targets(choice, paths, stem) for choice in choices),
    )


def _end_of_subtree(paths: Sequence[TokenIds], at: int) -> int:
    """The first path behind paths[at] that does not continue it; paths are sorted, so the rest follow."""
    path = paths[at]
    return bisect_left(paths, True, lo=at, key=lambda other: other[: len(path)] != path)


def _targets(choice: TokenIds, paths: Sequence[TokenIds], stem: int) -> tuple[Target, ...]:
    """Where each token of the choice is predicted: the last context token first, then the path so far."""
    columns = [stem - 1, *(stem + bisect_left(paths, choice[:size]) for size in range(1, len(choice)))]
    return tuple(Target(column=column, token=token) for column, token in zip(columns, choice, strict=True))
