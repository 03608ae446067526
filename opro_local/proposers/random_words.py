"""Instructions of random words: they say nothing, and still some of them score well.

Random texts between question and answer come close to what a model finds for itself (arXiv 2311.09569): a
gain that they reach too is no gain of the search.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence

FEWEST_WORDS, MOST_WORDS = 2, 7  # too few to copy a passage of a row, see problems/leaks.py

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The different words of the texts, case aside, in the order of their first use; no numbers."""
    return tuple(dict.fromkeys(word.casefold() for text in texts for word in _WORD.findall(text)))


def random_instructions(vocabulary: Sequence[str], draw: random.Random) -> Iterator[str]:
    """Different words in random order, without end; the same instruction may come again."""
    while True:
        count = min(draw.randint(FEWEST_WORDS, MOST_WORDS), len(vocabulary))
        text = " ".join(draw.sample(vocabulary, count))
        yield text[:1].upper() + text[1:]
