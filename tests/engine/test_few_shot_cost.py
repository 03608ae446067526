"""A step of few-shot prompts costs little more than its unique tokens: shot blocks are shared prefixes."""

from random import Random

import pytest
from oracle import ids, run, scorer, work_of
from tiny_models import tiny_model

from opro_local.engine.plan import PASS_OVERHEAD_TOKENS
from opro_local.engine.prefix_store import PrefixStore
from opro_local.llm import ChoiceRequest, TokenIds

MOST = 1.3
"""Tokens run for each unique token, at most."""


def step(draw: Random, shots: list[TokenIds], *, rows: int = 16) -> list[ChoiceRequest]:
    """Two instructions with two sets; a set in another order, with a shot exchanged, and cut."""
    questions = [ids(draw, 6 + i % 5) for i in range(rows)]
    choices = (ids(draw, 1), ids(draw, 2))
    one, other = (ids(draw, 7) for _ in range(2))
    first, second = shots[:4], shots[4:8]
    blocks = [
        (one, first),
        (other, first),
        (one, second),
        (other, second),
        (one, first[::-1]),
        (one, [*first[:3], shots[8]]),
        (one, first[:2]),
        (one, [*second[:3], shots[9]]),
    ]
    return [
        ChoiceRequest(context=instruction + sum(block, ()) + question, choices=choices)
        for instruction, block in blocks
        for question in questions
    ]


def unique_tokens(requests: list[ChoiceRequest], known: set[TokenIds]) -> int:
    """Different prefixes of contexts and choices, whole choices aside; known grows by them."""
    nodes = {
        (request.context + choice)[:end]
        for request in requests
        for choice in request.choices
        for end in range(1, len(request.context + choice))
    }
    fresh = nodes - known
    known |= nodes
    return len(fresh)


@pytest.mark.parametrize("length", [12, 60])
def test_a_few_shot_step_costs_at_most_1_3_times_its_unique_tokens(length: int) -> None:
    draw = Random(length)
    shots = [ids(draw, length) for _ in range(10)]
    score = scorer(tiny_model("llama"), "E3", store=PrefixStore(2**30), overhead=PASS_OVERHEAD_TOKENS)
    known: set[TokenIds] = set()
    for requests in (step(draw, shots), step(draw, shots)):
        before = work_of(score).tokens_run
        run(score, requests)
        ran = work_of(score).tokens_run - before
        unique = unique_tokens(requests, known)
        assert unique <= ran * 1.001
        assert ran <= MOST * unique
        assert sum(request.tokens for request in requests) > 4 * unique
