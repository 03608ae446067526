"""Few combinations of many choices that hold every pair of them: a covering design.

A fault of two settings together shows where the two meet, whatever the rest is; all combinations would be
too many to run.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, product

Choice = tuple[str, object]
"""An axis and a value on it."""
Cell = dict[str, object]
Pair = frozenset[Choice]

TRIES = 40
"""Random cells around an uncovered pair, of which the one that covers most is taken."""


def pairs_of(cell: Mapping[str, object]) -> set[Pair]:
    return {frozenset(pair) for pair in combinations(cell.items(), 2)}


def covering(
    axes: Mapping[str, Sequence[object]],
    allowed: Callable[[Cell], bool],
    *,
    looked_at: Sequence[str],
    begun: Iterable[Mapping[str, object]] = (),
    only_begun: bool = False,
    seed: int = 0,
) -> list[Cell]:
    """Allowed cells in which every pair of values meets that meets in any allowed cell; always the same ones.

    looked_at are the axes that allowed hangs on. begun are parts of cells that must be there, pairs or not;
    only_begun stops when they are.
    """
    draw = random.Random(seed)
    choices = tuple((name, tuple(values)) for name, values in axes.items())
    open_pairs = set(_possible(choices, allowed, tuple(looked_at)))
    cells: list[Cell] = []

    def add(part: Mapping[str, object]) -> None:
        cell = max(_around(part, axes, allowed, draw), key=lambda each: len(pairs_of(each) & open_pairs))
        cells.append(cell)
        open_pairs.difference_update(pairs_of(cell))

    for part in begun:
        add(part)
    while open_pairs and not only_begun:
        add(dict(min(open_pairs, key=lambda pair: sorted(map(repr, pair)))))
    return cells


@cache
def _possible(
    axes: tuple[tuple[str, tuple[object, ...]], ...],
    allowed: Callable[[Cell], bool],
    looked_at: tuple[str, ...],
) -> set[Pair]:
    """The pairs that meet in any allowed cell."""
    choices = [(name, value) for name, values in axes for value in values]
    pairs = [(one, two) for one, two in combinations(choices, 2) if one[0] != two[0]]
    others = {name: values if name in looked_at else values[:1] for name, values in axes}
    return {frozenset(pair) for pair in pairs if any(map(allowed, _all_with(dict(pair), others)))}


def _all_with(part: Mapping[str, object], others: Mapping[str, Sequence[object]]) -> Iterator[Cell]:
    for values in product(*([part[name]] if name in part else others[name] for name in others)):
        yield dict(zip(others, values, strict=True))


def _around(
    part: Mapping[str, object],
    axes: Mapping[str, Sequence[object]],
    allowed: Callable[[Cell], bool],
    draw: random.Random,
) -> Iterator[Cell]:
    """Random allowed cells with this part."""
    found = 0
    while found < TRIES:
        cell = {name: part.get(name, draw.choice(values)) for name, values in axes.items()}
        if allowed(cell):
            found += 1
            yield cell
