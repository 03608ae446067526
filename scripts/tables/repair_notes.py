"""Notes of a repair shop, each with a question whose answer stands in it: a table for --answer span.

A note has a sentence each on the customer, the machine, its fault, a day and a price, in random order, with
asides that hold days, names and sums of other things. The question asks for one of the five. What is right in
a longer and a shorter form has both, divided by a bar. The same seed writes the same table.

    python scripts/make_table.py repair_notes notes.csv --rows 200
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tables.saving import save_csv

COLUMNS = ("note", "question", "answer")
SIGN = "|"
FIRST = ("Ada", "Bo", "Carla", "Dev", "Eli", "Fatma", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena")
LAST = (
    "Adler",
    "Bose",
    "Costa",
    "Dunn",
    "Egger",
    "Fox",
    "Greco",
    "Holm",
    "Iversen",
    "Jansen",
    "Klein",
    "Lund",
)
MACHINES = (
    "coffee grinder",
    "hedge trimmer",
    "sewing machine",
    "circular saw",
    "floor polisher",
    "water pump",
    "bread slicer",
    "label printer",
    "tile cutter",
    "lawn mower",
)
FAULTS = (
    "a worn drive belt",
    "a cracked fuel line",
    "a loose power switch",
    "a burnt carbon brush",
    "a bent main shaft",
    "a leaking seal",
    "a blocked air filter",
    "a broken return spring",
    "a dull blade",
    "a blown fuse",
)
MONTHS = ("January", "March", "April", "June", "August", "October", "November")
ASIDES = (
    "Our own {machine} is from {other_year} and still runs.",
    "{other_first} took the call at the desk.",
    "The last visit was on {other_day}.",
    "A new one would be {other_price} euros.",
    "Not to be mixed up with the {machine} of Mr {other_last}.",
    "Parking costs {small} euros an hour.",
)
SAID: Mapping[str, Sequence[str]] = {
    "customer": (
        "Brought in by {customer}.",
        "The owner is {customer}, who waits for a call.",
        "{customer} left it at the counter.",
    ),
    "machine": (
        "It is a {own}.",
        "On the bench: the {own}.",
        "We were given a {own} to look at.",
    ),
    "fault": (
        "Found {fault}.",
        "The trouble comes from {fault}.",
        "When we opened it there was {fault}.",
    ),
    "day": (
        "It must be ready by {day}.",
        "Promised for {day}.",
        "To be fetched on {day} in the afternoon.",
    ),
    "price": (
        "The repair comes to {price} euros.",
        "We offered it for {price} euros, parts included.",
        "Agreed price: {price} euros.",
    ),
}
ASKED: Mapping[str, Sequence[str]] = {
    "customer": ("Whose machine is it?", "What is the name of the customer?"),
    "machine": ("What kind of machine is it?", "Which machine was brought in?"),
    "fault": ("What is wrong with it?", "Which fault was found?"),
    "day": ("When does the customer get it back?", "By which day must it be ready?"),
    "price": ("What does the repair cost?", "How much was agreed for the repair?"),
}


def write(out: Path, rows: int, seed: int) -> None:
    save_csv(out, COLUMNS, notes(rows, seed))


def notes(rows: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """(note, question, answers), no note twice."""
    draw, seen = random.Random(seed), set[str]()
    while len(seen) < rows:
        note, facts = _note(draw)
        if note not in seen:
            seen.add(note)
            about = draw.choice(list(ASKED))
            yield note, draw.choice(ASKED[about]), SIGN.join(_right(about, facts))


def _note(draw: random.Random) -> tuple[str, dict[str, str]]:
    first, other_first = draw.sample(FIRST, 2)
    last, other_last = draw.sample(LAST, 2)
    own, machine = draw.sample(MACHINES, 2)
    day, other_day = draw.sample([f"{number} {month}" for month in MONTHS for number in range(1, 29)], 2)
    facts = {
        "customer": f"{first} {last}",
        "own": own,
        "machine": machine,
        "fault": draw.choice(FAULTS),
        "day": day,
        "price": f"{draw.randrange(20, 250)}.{draw.choice(('00', '50', '90'))}",
        "other_first": other_first,
        "other_last": other_last,
        "other_day": other_day,
        "other_price": str(draw.randrange(300, 900)),
        "other_year": str(draw.randrange(1985, 2020)),
        "small": str(draw.randrange(2, 6)),
    }
    sentences = [draw.choice(forms) for forms in SAID.values()] + draw.sample(ASIDES, draw.choice((1, 2, 3)))
    draw.shuffle(sentences)
    return " ".join(sentences).format(**facts), facts


def _right(about: str, facts: Mapping[str, str]) -> Sequence[str]:
    """In the order in which one would give them."""
    if about == "fault":
        return (facts["fault"], facts["fault"].removeprefix("a "))
    if about == "price":
        return (f"{facts['price']} euros", facts["price"])
    if about == "customer":
        return (facts["customer"],)
    return (facts["own" if about == "machine" else about],)
