"""The counts of engine/counts.py against tries built token by token."""

import random

import pytest

from opro_local.engine.counts import Counts, Decoding, count, count_generation, naive_tokens
from opro_local.llm import ChoiceRequest, GenerationReply, GenerationRequest, TokenIds

Written = tuple[GenerationRequest, GenerationReply]


def nodes(paths: list[TokenIds]) -> set[TokenIds]:
    """All nodes of the trie of the paths, each as the ids that lead to it."""
    return {path[:depth] for path in paths for depth in range(1, len(path) + 1)}


def counted_by_hand(requests: list[ChoiceRequest], known: list[TokenIds], window: int) -> Counts:
    wanted = nodes([request.context + choice[:-1] for request in requests for choice in request.choices])
    unique = wanted - nodes(known)
    return Counts(
        unique_tokens=len(unique),
        cached_tokens=len(wanted & nodes(known)),
        head_rows=len(
            {
                request.context + choice[:at]
                for request in requests
                for choice in request.choices
                for at in range(len(choice))
            }
        ),
        context_tokens=sum(map(len, unique)),
        window_tokens=sum(min(len(node), window) for node in unique),
        passes=1,
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_requests_are_counted_as_on_a_trie_built_node_by_node(seed: int) -> None:
    draw = random.Random(seed)

    def ids(least: int, most: int) -> TokenIds:
        # Few different ids, so that contexts, choices and known prefixes run into each other.
        return tuple(draw.choice([0, 1, 256]) for _ in range(draw.randint(least, most)))

    requests = [
        ChoiceRequest(context=ids(1, 5), choices=tuple(ids(1, 3) for _ in range(draw.randint(1, 3))))
        for _ in range(draw.randint(1, 12))
    ]
    known = [ids(0, 6) for _ in range(draw.randint(0, 4))]
    window = draw.randint(1, 6)
    assert count(requests, known, window=window) == counted_by_hand(requests, known, window)


def test_the_last_token_of_a_choice_is_scored_and_never_run() -> None:
    request = ChoiceRequest(context=(5, 6), choices=((1, 2, 3), (1, 4)))
    assert count([request]) == Counts(
        unique_tokens=4,  # 5, 6, and of the choices 1 and 1 2
        cached_tokens=0,
        head_rows=3,  # behind 6, behind 1, behind 1 2
        context_tokens=1 + 2 + 3 + 4,
        window_tokens=1 + 2 + 3 + 4,
        passes=1,
    )


def test_a_known_context_is_read_and_its_last_token_scored_all_the_same() -> None:
    request = ChoiceRequest(context=(5, 6), choices=((1,), (2,)))
    counts = count([request], [(5, 6, 7)])
    assert (counts.unique_tokens, counts.cached_tokens, counts.head_rows) == (0, 2, 1)


def written(prompt: TokenIds, *ids: int, drafts: tuple[TokenIds, ...] = ()) -> Written:
    request = GenerationRequest(prompt=prompt, max_tokens=9, final=lambda _text: False, drafts=drafts)
    return request, GenerationReply(text="", tokens=len(ids), ended="length", ids=ids)


def decoding(*rows: Written, known: tuple[TokenIds, ...] = (), window: int | None = None) -> Decoding:
    requests, replies = zip(*rows, strict=True)
    return count_generation(requests, replies, known, window=window)


def test_replies_run_all_but_their_last_token_each_behind_all_before_it() -> None:
    found = decoding(written((1, 2, 3), 7, 8, 9), written((1, 2, 4), 7), window=4)
    assert found.prompts == Counts(
        unique_tokens=4,  # 1 2 3 4 of the prompts
        cached_tokens=0,
        head_rows=2,
        context_tokens=1 + 2 + 3 + 3,
        window_tokens=1 + 2 + 3 + 3,
        passes=1,
    )
    assert found.steps == Counts(
        unique_tokens=2,  # two of the first reply
        cached_tokens=3 + (3 + 1),
        head_rows=2,
        context_tokens=4 + 5,
        window_tokens=4 + 4,
        passes=2,
    )


def test_a_step_reads_what_the_prompts_of_open_rows_share_once() -> None:
    rows = written((1, 2, 3), 5, 6, 7, 8), written((1, 2, 4), 5, 6)
    # With both open 1 2 3 4, then 1 2 3 twice; of its own the first row reads 0, 1 and 2 tokens.
    assert decoding(*rows).steps.cached_tokens == 4 + 3 + 3 + (0 + 1 + 2)
    assert decoding(*rows, window=2).steps.cached_tokens == 2 + 2 + 2 + (0 + 1 + 2)


def test_samples_of_one_prompt_read_it_once() -> None:
    found = decoding(*[written((1, 2, 3), 5, 6, first) for first in range(8)])
    assert (found.prompts.unique_tokens, found.prompts.head_rows) == (3, 1)
    assert (found.steps.unique_tokens, found.steps.passes) == (16, 2)
    assert found.steps.cached_tokens == 2 * 3 + 8 * 1


def test_what_a_draft_said_before_takes_no_step() -> None:
    drafts = ((5, 6, 9), (4,))
    found = decoding(written((1, 2), 5, 6, 7, 8, drafts=drafts))
    assert (found.prompts.unique_tokens, found.prompts.head_rows) == (4, 3)
    assert (found.steps.unique_tokens, found.steps.cached_tokens, found.steps.passes) == (1, 4, 1)
    whole = decoding(written((1, 2), 5, 6, drafts=((5, 6),)))
    assert (whole.prompts.unique_tokens, whole.steps) == (3, Counts.nothing())


def test_a_prompt_that_is_known_is_read_and_not_run() -> None:
    found = decoding(written((1, 2, 3), 5), known=((1, 2),))
    assert (found.prompts.unique_tokens, found.prompts.cached_tokens) == (1, 2)


def test_a_reply_of_no_token_adds_nothing_to_its_prompt() -> None:
    found = decoding(written((1, 2)))
    assert (found.prompts.unique_tokens, found.steps) == (2, Counts.nothing())


def test_without_sharing_every_long_choice_repeats_its_context() -> None:
    short = ChoiceRequest(context=(1, 2, 3), choices=((4,), (5,)))
    long = ChoiceRequest(context=(1, 2, 3), choices=((4, 5), (6, 7, 8)))
    assert naive_tokens([short]) == 3
    assert naive_tokens([long]) == (3 + 1) + (3 + 2)


def test_counts_of_several_calls_add_up() -> None:
    found = decoding(written((1, 2), 5, 6)) + decoding(written((3,), 5))
    assert found.prompts + found.steps == Counts(
        unique_tokens=4, cached_tokens=2, head_rows=3, context_tokens=7, window_tokens=7, passes=3
    )
