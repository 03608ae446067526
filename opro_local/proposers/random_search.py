"""Random search: as many instructions of random words as OPRO proposes. It looks at no score."""

import random
from collections.abc import Iterator, Sequence

from opro_local.problem import Problem
from opro_local.proposers.drawn import Drawn, parsed
from opro_local.proposers.random_words import random_instructions
from opro_local.records import S, Trajectory


def random_search(problem: Problem[S], vocabulary: Sequence[str], seed: int) -> Drawn[S]:
    """vocabulary as from words_of."""

    def stream(_trajectory: Trajectory[S], draw: random.Random) -> Iterator[S]:
        return parsed(problem, random_instructions(vocabulary, draw))

    return Drawn(name="random words", problem=problem, seed=seed, stream=stream)
