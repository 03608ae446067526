"""Reviews of nights at a guesthouse with a grade from 1 to 5, by a rule: a table for --answer grade.

A stay has a mood, from bad to good; by it each of four things (room, breakfast, hosts, nights) turns out
good or bad, and the review has a sentence on each, in random order, beside one that says nothing. The grade
is 1 and one more for each good thing. The same seed writes the same table.

    python scripts/make_table.py graded_stays stays.csv --rows 240
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tables.saving import save_csv

COLUMNS = ("review", "grade")
GOOD: Mapping[str, Sequence[str]] = {
    "room": (
        "Our room was bright and spotless.",
        "The room had more space than we needed.",
        "Fresh flowers stood on the table in our room.",
        "The bed was the best I have slept in for years.",
        "From the room we looked over the whole valley.",
    ),
    "breakfast": (
        "Breakfast came with warm rolls and homemade jam.",
        "I still dream of the omelette they made us in the morning.",
        "There was fruit, cheese and good coffee each morning.",
        "They packed us a generous breakfast when we left at five.",
        "Everything on the breakfast table was from the farm next door.",
    ),
    "hosts": (
        "The owners could not have been kinder.",
        "Our host drove us to the station without being asked.",
        "The lady at the desk knew our names from the first day.",
        "They lent us boots and a map and told us the nicest paths.",
        "When I was ill, the hosts brought me soup.",
    ),
    "nights": (
        "At night there was not a sound but the brook.",
        "We slept like stones, it is so quiet there.",
        "Thick walls keep every noise out.",
        "No car passes after eight, and we slept in.",
        "The nights were cool and perfectly still.",
    ),
}
BAD: Mapping[str, Sequence[str]] = {
    "room": (
        "Our room smelled of mould.",
        "The room was so small that the suitcase stayed in the corridor.",
        "There was hair of other guests in the shower.",
        "The mattress sagged like a hammock.",
        "From the room we looked at a wall and three bins.",
    ),
    "breakfast": (
        "Breakfast was one dry roll and a spoon of margarine.",
        "The coffee in the morning was cold and thin.",
        "By half past eight the breakfast table was empty.",
        "The milk at breakfast had turned sour.",
        "For a boiled egg they wanted four euros more.",
    ),
    "hosts": (
        "The owners did not even greet us.",
        "Our host shouted at a child for running.",
        "Nobody came when we rang the bell, three times.",
        "The man at the desk argued about every towel.",
        "When I asked for help, they shrugged.",
    ),
    "nights": (
        "Lorries went past below the window all night.",
        "The neighbours' television kept us awake until two.",
        "A dog barked from midnight to dawn.",
        "The pipes knocked each time somebody washed their hands.",
        "There was a party in the yard, and we did not sleep.",
    ),
}
ASIDES = (
    "We stayed for two nights in May.",
    "It was our first trip to the region.",
    "We came by bicycle.",
    "My sister had booked it for us.",
    "The house stands at the end of the village.",
    "We had the room on the second floor.",
    "It rained on one of the days.",
    "You pay in cash there.",
)
MOODS = (0.1, 0.3, 0.5, 0.7, 0.9)


def write(out: Path, rows: int, seed: int) -> None:
    save_csv(out, COLUMNS, stays(rows, seed))


def stays(rows: int, seed: int) -> Iterator[tuple[str, int]]:
    """(review, grade), no review twice."""
    draw, seen = random.Random(seed), set[str]()
    while len(seen) < rows:
        text, grade = _stay(draw)
        if text not in seen:
            seen.add(text)
            yield text, grade


def _stay(draw: random.Random) -> tuple[str, int]:
    mood = draw.choice(MOODS)
    good = {thing for thing in GOOD if draw.random() < mood}
    sentences = [draw.choice((GOOD if thing in good else BAD)[thing]) for thing in GOOD]
    sentences.append(draw.choice(ASIDES))
    draw.shuffle(sentences)
    return " ".join(sentences), 1 + len(good)
