"""Sizes to be given in another unit, by a rule: a table for --answer number with a --tolerance.

A sentence names a thing with its size, a question asks for the size in another unit. The answer is the size
times the factor below, rounded to two decimals; who takes a rounded factor ("a mile is 1.6 km") is off by
less than 1 %. The same seed writes the same table.

    python scripts/make_table.py units sizes.csv --rows 240
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tables.saving import save_csv

COLUMNS = ("problem", "size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """1 of unit is factor of other; sizes are drawn from low to high, in steps of step."""

    unit: str
    other: str
    factor: float
    low: int
    high: int
    step: float
    things: Sequence[str]


CONVERSIONS = (
    Conversion(
        unit="miles",
        other="kilometres",
        factor=1.609344,
        low=2,
        high=90,
        step=1,
        things=("The walk round the lake is {} long.", "The next petrol station is {} away."),
    ),
    Conversion(
        unit="feet",
        other="metres",
        factor=0.3048,
        low=4,
        high=120,
        step=1,
        things=("The mast of the boat is {} high.", "The trench must be {} long."),
    ),
    Conversion(
        unit="inches",
        other="centimetres",
        factor=2.54,
        low=3,
        high=80,
        step=0.5,
        things=("The shelf is {} wide.", "The screen measures {} from corner to corner."),
    ),
    Conversion(
        unit="pounds",
        other="kilograms",
        factor=0.45359237,
        low=2,
        high=200,
        step=1,
        things=("The crate weighs {}.", "The dog has come down to {}."),
    ),
    Conversion(
        unit="hours",
        other="minutes",
        factor=60,
        low=1,
        high=24,
        step=0.25,
        things=("The repair took {}.", "The battery lasts {}."),
    ),
    Conversion(
        unit="kilograms",
        other="grams",
        factor=1000,
        low=1,
        high=20,
        step=0.1,
        things=("The parcel weighs {}.", "The recipe for the wedding asks for {} of flour."),
    ),
)


def write(out: Path, rows: int, seed: int) -> None:
    save_csv(out, COLUMNS, sizes(rows, seed))


def sizes(rows: int, seed: int) -> Iterator[tuple[str, str]]:
    """(problem, answer), no problem twice."""
    draw, seen = random.Random(seed), set[str]()
    while len(seen) < rows:
        text, answer = _problem(draw)
        if text not in seen:
            seen.add(text)
            yield text, answer


def _problem(draw: random.Random) -> tuple[str, str]:
    found = draw.choice(CONVERSIONS)
    size = draw.randint(round(found.low / found.step), round(found.high / found.step)) * found.step
    thing = draw.choice(found.things).format(f"{size:g} {found.unit}")
    return f"{thing} How many {found.other} is that?", f"{size * found.factor:.2f}"
