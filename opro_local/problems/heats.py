"""Which candidates are scored together, block by block, so that what their prompts share is run once.

The engine keeps the keys of prompts from block to block as far as its memory goes. Candidates with many
shots are too much for it all at once: each would be run anew for every block. In heats whose prompts it
holds, each is run once. Who is scored beside whom changes no score.
"""

from collections.abc import Sequence
from itertools import takewhile

from opro_local.llm import TokenIds
from opro_local.records import Candidate
from opro_local.scoring.scorer import Scorer

HEAT_TOKENS = 4096
"""Tokens of the prompts of a heat, what they share counted once, where the engine keeps as many.

On SmolLM2-135M their keys take 95 MB, a third of what the engine keeps at most.
"""


def heats(scorer: Scorer, candidates: Sequence[Candidate], most: int = HEAT_TOKENS) -> list[list[Candidate]]:
    """The different candidates, each in one heat and there in the order given; like prompts run together.

    The prompts of a heat have at most so many tokens, if it is not one candidate alone.
    """
    prompts = {candidate.key: scorer.prompt_ids(candidate) for candidate in candidates}
    keys: list[set[str]] = []
    used, before = 0, TokenIds()
    for key in sorted(prompts, key=lambda key: prompts[key]):
        own = len(prompts[key]) - _common(before, prompts[key])
        if not keys or used + own > most:
            keys.append(set())
            used, own = 0, len(prompts[key])
        keys[-1].add(key)
        used, before = used + own, prompts[key]
    different = {candidate.key: candidate for candidate in candidates}
    return [[c for key, c in different.items() if key in heat] for heat in keys]


def _common(one: TokenIds, other: TokenIds) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
