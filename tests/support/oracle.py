"""What the levels are held against: the model itself, asked for one choice at a time, nothing shared."""

import random
from collections.abc import Sequence

import torch
from tiny_models import CONFIGS
from transformers import PreTrainedModel

from opro_local.engine.forward import Body
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import SharedLikelihood
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import StoredPrefixes
from opro_local.engine.probe import REUSES, Level
from opro_local.engine.reuse import OneRow, PackedTokens
from opro_local.engine.work import Work
from opro_local.llm import ChoiceReply, ChoiceRequest, TokenIds

ATTENTION = sorted(set(CONFIGS) - {"mamba"})
LEVELS: tuple[Level, ...] = ("E2", "E3")
CASES = [
    (name, level) for name in ATTENTION for level in LEVELS if (name, level) != ("gemma2-window-8", "E3")
]
"""Every architecture at every level that it can run at; E3 does not know soft-capped attention."""

Scores = list[tuple[float, ...]]


def scorer(
    model: PreTrainedModel,
    level: Level,
    *,
    token_budget: int = 4096,
    store: PrefixStore | None = None,
    overhead: int = 0,
) -> SharedLikelihood:
    """A level that, if overhead is 0, shares all it can: a prefix need not pay for its pass."""
    work = Work()
    reuse = REUSES[level](Body(model, work), token_budget)
    # An empty store is as false as none.
    store = PrefixStore(0) if store is None else store
    prefixes = StoredPrefixes(reuse=reuse, store=store, pass_overhead=overhead)
    return SharedLikelihood(head=read_head(model, work), prefixes=prefixes)


def body_beneath(score: SharedLikelihood) -> Body:
    """What the level runs on."""
    reuse = score.prefixes.reuse
    assert isinstance(reuse, PackedTokens | OneRow)
    return reuse.body


def run(score: SharedLikelihood, requests: Sequence[ChoiceRequest]) -> Scores:
    with torch.inference_mode():
        return numbers(score(requests))


def work_of(score: SharedLikelihood) -> Work:
    """What went through the model so far."""
    return score.head.work


def numbers(replies: Sequence[ChoiceReply]) -> Scores:
    return [reply.log_probs for reply in replies]


def by_the_model_itself(model: PreTrainedModel, requests: Sequence[ChoiceRequest]) -> Scores:
    """Each choice in a forward of its own, no padding, no cache, the model's own logits."""
    asked = {(request.context, choice) for request in requests for choice in request.choices}
    scores = {(context, choice): _one(model, context, choice) for context, choice in asked}
    return [tuple(scores[request.context, choice] for choice in request.choices) for request in requests]


def _one(model: PreTrainedModel, context: TokenIds, choice: TokenIds) -> float:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([context + choice]), use_cache=False).logits[0]
    asked = logits[len(context) - 1 : -1]
    log_probs = asked.double().log_softmax(-1)  # in fp32 it is 5e-5 off over the 262,144 tokens of Gemma 3
    return sum(float(log_probs[i, token]) for i, token in enumerate(choice))


def largest_gap(a: Scores, b: Scores) -> float:
    return max(abs(x - y) for xs, ys in zip(a, b, strict=True) for x, y in zip(xs, ys, strict=True))


def ids(draw: random.Random, n: int) -> TokenIds:
    return tuple(draw.randrange(1, 97) for _ in range(n))


def workload() -> list[ChoiceRequest]:
    """A header, behind it two instructions of unequal length, behind each two questions.

    Among them a prompt that begins others, one that is asked twice and one that shares nothing; choices of
    one token and more, some equal, some beginning others, some parting later.
    """
    draw = random.Random(1)
    header, stranger = ids(draw, 5), ids(draw, 2)
    instructions = [header + ids(draw, 6), header + ids(draw, 9)]
    stem = ids(draw, 2)
    choices = (ids(draw, 1), (*stem, 5), (*stem, 6, 7), stem, ids(draw, 4), (*stem, 5))
    questions = [instruction + ids(draw, length) for instruction in instructions for length in (1, 9)]
    contexts = [*questions, instructions[0], questions[2], stranger]
    return [
        *(ChoiceRequest(context=context, choices=choices) for context in contexts),
        ChoiceRequest(context=questions[1], choices=(ids(draw, 1),)),
    ]


def many(n: int) -> list[ChoiceRequest]:
    """n requests behind three prefixes of 6, 20 and 40 tokens, enough for several lines."""
    draw = random.Random(2)
    prefixes = [ids(draw, length) for length in (6, 20, 40)]
    return [
        ChoiceRequest(
            context=prefixes[i % 3] + ids(draw, draw.randint(1, 12)),
            choices=tuple(ids(draw, draw.randint(1, 3)) for _ in range(3)),
        )
        for i in range(n)
    ]
