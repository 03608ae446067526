"""Which way is better, and the best so far: for every picture, table and line that follows a search."""

from collections.abc import Iterable, Sequence

from opro_local.records import Direction


def gain(difference: float, direction: Direction) -> float:
    """The difference of two scores, positive where the first is better."""
    return difference if direction == "maximize" else -difference


def better(values: Iterable[float], direction: Direction) -> float:
    """The best of at least one value."""
    return max(values) if direction == "maximize" else min(values)


def best_so_far(steps: Iterable[tuple[int, Sequence[float]]], direction: Direction) -> dict[int, float]:
    """(step, scores of its whole candidates) -> the best by step, from the first step that has a score."""
    found: dict[int, float] = {}
    last: list[float] = []
    for number, values in steps:
        if values or last:
            last = [better([*last, *values], direction)]
            found[number] = last[0]
    return found
