"""Blocks: every request once, of like work, cut where least is shared, the same whoever asks."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_local.llm import ChoiceRequest, GenerationRequest, TokenIds
from opro_local.workers.blocks import Block, cut_blocks

few_ids = st.lists(st.integers(0, 2), min_size=1, max_size=12).map(tuple)


def asked(context: TokenIds) -> ChoiceRequest:
    return ChoiceRequest(context=context, choices=((7,), (8, 9)))


def behind(prefixes: Sequence[int], rows: int, *, own: int = 10) -> list[ChoiceRequest]:
    """For each prefix of so many tokens its rows, each with own tokens."""
    draw = Random(0)
    return [
        asked((*prefix, *(draw.randrange(100, 200) for _ in range(own))))
        for number, length in enumerate(prefixes)
        for prefix in [(number,) * length]
        for _ in range(rows)
    ]


def unique_tokens(requests: Sequence[ChoiceRequest], block: Block) -> int:
    """What a trie of the block's prompts has, and its choices."""
    nodes = {requests[place].context[:end] for place in block.places for end in range(1, 1000)}
    return len(nodes) + sum(3 for _ in block.places)


@settings(max_examples=200)
@given(st.lists(few_ids, max_size=30), st.integers(1, 60))
def test_every_request_is_in_one_block_whose_cost_is_its_tokens(prompts: list[TokenIds], size: int) -> None:
    requests = [asked(prompt) for prompt in prompts]
    blocks = cut_blocks(requests, tokens=size)
    assert sorted(place for block in blocks for place in block.places) == list(range(len(requests)))
    assert [block.tokens for block in blocks] == sorted((block.tokens for block in blocks), reverse=True)
    longest = max(map(len, prompts), default=0)
    for block in blocks:
        repeated = len(block.places) - len({requests[place].context for place in block.places})
        assert unique_tokens(requests, block) == block.tokens >= repeated
        assert block.tokens <= 2 * size + longest + 3
        assert all(requests[place].context[: len(block.prefix)] == block.prefix for place in block.places[:2])


@given(st.lists(few_ids, max_size=20), st.randoms())
def test_the_order_of_requests_changes_no_block(prompts: list[TokenIds], draw: Random) -> None:
    shuffled = draw.sample(prompts, len(prompts))

    def contents(asked_for: list[TokenIds]) -> list[list[TokenIds]]:
        requests = [asked(prompt) for prompt in asked_for]
        return [[requests[p].context for p in block.places] for block in cut_blocks(requests, tokens=20)]

    assert sorted(contents(prompts)) == sorted(contents(shuffled))


@pytest.mark.parametrize(
    ("requests", "prefixes"),
    [
        (behind([300, 300, 300, 300], rows=40), 4),  # 820 tokens a prefix
        (behind([500, 500], rows=50), 2),
        (behind([20] * 40, rows=8), 40),  # many small ones share blocks
    ],
)
def test_rows_behind_a_prefix_stay_together(requests: list[ChoiceRequest], prefixes: int) -> None:
    blocks = cut_blocks(requests, tokens=1000)
    homes = {
        (request.context[0], number)
        for number, block in enumerate(blocks)
        for request in (requests[place] for place in block.places)
    }
    assert len(homes) == prefixes
    assert len(blocks) > 1


def test_rows_of_one_prefix_are_shared_out_where_they_are_too_many() -> None:
    blocks = cut_blocks(behind([100], rows=400), tokens=1000)
    assert 4 <= len(blocks) <= 8
    assert max(block.tokens for block in blocks) <= 2100


def test_what_may_be_written_counts() -> None:
    requests = [
        GenerationRequest(prompt=(1, 2, number), max_tokens=100, final=str.isupper) for number in range(40)
    ]
    assert [len(block.places) for block in cut_blocks(requests, tokens=1000)] == [10, 10, 10, 10]
