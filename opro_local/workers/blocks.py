"""Cuts the requests of a call into blocks of like work, so that what shares a prefix stays together.

The cut depends on the requests alone, never on how many workers there are or how fast they are: a block is
the same piece of work, with the same numbers, whoever does it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opro_local.llm import ChoiceRequest, GenerationRequest, TokenIds, common_length

BLOCK_TOKENS = 4096
"""Tokens to run in a block: two lines on a CPU and half of one on a GPU, a second or a tenth of one."""

Request = ChoiceRequest | GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Requests by their places in the call, the tokens to run for them, and how they begin."""

    places: tuple[int, ...]
    tokens: int
    prefix: TokenIds


def cut_blocks(requests: Sequence[Request], *, tokens: int = BLOCK_TOKENS) -> list[Block]:
    """All requests in blocks of about so many tokens, the largest block first.

    A block ends where the next request shares least with it, between half of tokens and twice as many.
    """
    ordered = sorted(range(len(requests)), key=lambda place: _prompt(requests[place]))
    prompts = [_prompt(requests[place]) for place in ordered]
    own = [_behind(requests[place]) for place in ordered]
    shared = [0, *(common_length(a, b) for a, b in pairwise(prompts))]
    blocks = [
        Block(
            places=tuple(ordered[first:end]),
            tokens=_cost(prompts, shared, own, first, end),
            prefix=prompts[first][: shared[first + 1] if end > first + 1 else None],
        )
        for first, end in _spans(prompts, shared, own, tokens)
    ]
    return sorted(blocks, key=lambda block: -block.tokens)


def _spans(
    prompts: Sequence[TokenIds], shared: Sequence[int], own: Sequence[int], tokens: int
) -> Iterator[tuple[int, int]]:
    first = 0
    while first < len(prompts):
        end = _end(prompts, shared, own, first, tokens)
        yield first, end
        first = end


def _end(
    prompts: Sequence[TokenIds], shared: Sequence[int], own: Sequence[int], first: int, tokens: int
) -> int:
    """Where the block that begins at first ends: the cheapest cut in reach, of equal ones the nearest."""
    cost = len(prompts[first]) + own[first]
    cuts: list[tuple[int, float, int]] = []
    for place in range(first + 1, len(prompts)):
        if cost >= tokens / 2:
            cuts.append((shared[place], abs(cost - tokens), place))
        cost += len(prompts[place]) - shared[place] + own[place]
        if cuts and cost > 2 * tokens:
            return min(cuts)[2]
    return len(prompts)


def _cost(
    prompts: Sequence[TokenIds], shared: Sequence[int], own: Sequence[int], first: int, end: int
) -> int:
    suffixes = sum(len(prompts[place]) - shared[place] for place in range(first + 1, end))
    return len(prompts[first]) + suffixes + sum(own[first:end])


def _prompt(request: Request) -> TokenIds:
    return request.context if isinstance(request, ChoiceRequest) else request.prompt


def _behind(request: Request) -> int:
    """Tokens behind the prompt: of the choices, or the most that may be written."""
    return request.tokens - len(_prompt(request))
