"""Every level equals the model itself on every architecture, whatever the prompts share."""

import math
import random

import pytest
import torch
from oracle import (
    ATTENTION,
    CASES,
    LEVELS,
    by_the_model_itself,
    ids,
    largest_gap,
    numbers,
    run,
    scorer,
    tokens_run,
    workload,
)
from tiny_models import tiny_model

from opro_local.engine.forward import Body
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.probe import Level
from opro_local.llm import ChoiceRequest

WINDOWED = [name for name in ATTENTION if name.endswith("window-8")]


@pytest.mark.parametrize(("name", "level"), CASES)
def test_reuse_equals_the_model_itself(name: str, level: Level) -> None:
    model = tiny_model(name)
    requests = workload()
    assert largest_gap(run(scorer(model, level), requests), by_the_model_itself(model, requests)) < 1e-4


@pytest.mark.parametrize("name", ["llama", "gemma3-window-8", "mamba"])
def test_no_reuse_equals_the_model_itself(name: str) -> None:
    model = tiny_model(name)
    requests = workload()
    whole = WholeLikelihood(body=Body(model), head=read_head(model), token_budget=64)
    with torch.inference_mode():
        plain = numbers(whole(requests))
    assert largest_gap(plain, by_the_model_itself(model, requests)) < 1e-4


@pytest.mark.parametrize(("name", "level"), [case for case in CASES if case[0] in WINDOWED])
def test_windows_hold_below_at_and_beyond_their_length(name: str, level: Level) -> None:
    # Prefix and rest from 3 tokens to 43; all prefix lengths go through in one line at E3.
    model = tiny_model(name)
    draw = random.Random(4)
    choices = (ids(draw, 1), ids(draw, 3))
    requests = [
        ChoiceRequest(context=prefix + ids(draw, rest), choices=choices)
        for prefix in (ids(draw, length) for length in (2, 5, 6, 7, 8, 9, 30))
        for rest in (1, 2, 13)
    ]
    score = scorer(model, level)
    assert largest_gap(run(score, requests), by_the_model_itself(model, requests)) < 1e-4
    if level == "E3":
        assert score.prefixes.reuse.body.work.passes == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("level", LEVELS)
def test_one_row_alone_and_rows_without_a_common_prefix(level: Level) -> None:
    model = tiny_model("qwen3")
    alone = [ChoiceRequest(context=(4, 5, 6), choices=((7, 8),))]
    unlike = [ChoiceRequest(context=(n, n + 1), choices=((n,), (n, 1))) for n in (2, 3, 4)]
    shortest = [ChoiceRequest(context=(4,), choices=((7,),))]
    for requests in (alone, unlike, shortest):
        assert largest_gap(run(scorer(model, level), requests), by_the_model_itself(model, requests)) < 1e-4


@pytest.mark.parametrize("level", LEVELS)
def test_prefixing_and_repeated_choices_keep_their_own_scores(level: Level) -> None:
    model = tiny_model("llama")
    request = ChoiceRequest(context=(4, 5, 6), choices=((7,), (7, 8), (7,), (7, 8, 9)))
    (scores,) = run(scorer(model, level), [request])
    assert scores[0] == scores[2]
    assert scores[0] > scores[1] > scores[3]


@pytest.mark.parametrize("level", LEVELS)
def test_choices_in_one_tree_score_as_each_of_them_alone(level: Level) -> None:
    model = tiny_model("gemma3-window-8")
    requests = workload()
    alone = [
        ChoiceRequest(context=request.context, choices=(choice,))
        for request in requests
        for choice in request.choices
    ]
    expected = iter(run(scorer(model, level), alone))
    together = run(scorer(model, level), requests)
    assert largest_gap(together, [tuple(next(expected)[0] for _ in each) for each in together]) < 1e-5


@pytest.mark.parametrize("level", LEVELS)
def test_no_requests_and_no_choices_give_nothing(level: Level) -> None:
    model = tiny_model("llama")
    assert run(scorer(model, level), []) == []
    assert run(scorer(model, level), [ChoiceRequest(context=(1, 2), choices=())]) == [()]


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_shared_is_run_once(level: Level) -> None:
    # 20 tokens for all, 4 for each half, 2 for each row; of the choices (1,) and (2, 3) only the 2 is run.
    contexts = [(9,) * 20 + (half,) * 4 + (i, 5) for half in (7, 8) for i in (1, 2, 3)]
    requests = [ChoiceRequest(context=context, choices=((1,), (2, 3))) for context in contexts]
    score = scorer(tiny_model("llama"), level)
    run(score, requests)
    assert tokens_run(score) == 20 + 2 * 4 + 6 * (2 + 1)


@pytest.mark.parametrize("level", LEVELS)
def test_a_model_without_a_number_says_nan(level: Level) -> None:
    model = tiny_model("llama")
    model.get_input_embeddings().weight.data[50] = math.nan
    good = ChoiceRequest(context=(1, 2), choices=((3,), (4, 5)))
    bad = ChoiceRequest(context=(1, 50), choices=((3,), (4, 5)))
    scores = run(scorer(model, level), [good, bad])
    if level == "E1":  # rows of a batch; in one line a number that is none spoils its neighbours
        assert all(math.isfinite(score) for score in scores[0])
    assert all(math.isnan(score) for score in scores[1])


@pytest.mark.parametrize("name", ["llama", "gemma3-window-8", "gpt2"])
@pytest.mark.parametrize("level", LEVELS)
def test_in_16_bit_reuse_is_as_near_to_fp32_as_no_reuse(name: str, level: Level) -> None:
    requests = workload()
    exact = by_the_model_itself(tiny_model(name), requests)
    rounded = tiny_model(name).to(torch.bfloat16)
    noise = largest_gap(by_the_model_itself(rounded, requests), exact)
    ours = run(scorer(rounded, level), requests)
    assert largest_gap(ours, exact) < 2 * noise
    sure = [
        (max(range(len(a)), key=a.__getitem__), max(range(len(b)), key=b.__getitem__))
        for a, b in zip(ours, exact, strict=True)
        if _margin(b) > 2 * noise
    ]
    assert len(sure) > len(requests) // 2
    assert all(mine == right for mine, right in sure)


def _margin(scores: tuple[float, ...]) -> float:
    best, *others = sorted(set(scores), reverse=True)
    return best - others[0] if others else 0.0


def engine_of(name: str, level: Level) -> SharedLikelihood:
    return scorer(tiny_model(name), level)
