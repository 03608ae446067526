"""Reuse equals no reuse, and both equal the model itself asked once for every choice."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tiny_models import CONFIGS, tiny_model
from transformers import PreTrainedModel

import opro_local.engine.masks
import opro_local.engine.rows
from opro_local.engine.forward import Body
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import Likelihood
from opro_local.engine.masks import AttentionKinds
from opro_local.engine.probe import Verdict, choose_level, probe_requests
from opro_local.engine.rows import FOREVER
from opro_local.errors import ModelError
from opro_local.llm import ChoiceReply, ChoiceRequest, TokenIds

ATTENTION = sorted(set(CONFIGS) - {"mamba"})
VOCABULARY = 97


def likelihood(model: PreTrainedModel, token_budget: int = 4096) -> Likelihood:
    return Likelihood(body=Body(model), head=read_head(model), token_budget=token_budget, pass_overhead=0)


def by_the_model_itself(model: PreTrainedModel, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
    """Each choice in a forward of its own, no padding, no cache, the model's own logits."""
    return [[_one(model, request.context, choice) for choice in request.choices] for request in requests]


def _one(model: PreTrainedModel, context: TokenIds, choice: TokenIds) -> float:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([context + choice]), use_cache=False).logits[0]
    log_probs = logits.float().log_softmax(-1)
    start = len(context) - 1
    return sum(float(log_probs[start + i, token]) for i, token in enumerate(choice))


def numbers(replies: Sequence[ChoiceReply]) -> list[list[float]]:
    return [list(reply.log_probs) for reply in replies]


def shared(
    model: PreTrainedModel, requests: Sequence[ChoiceRequest], budget: int = 4096
) -> list[list[float]]:
    with torch.inference_mode():
        return numbers(likelihood(model, budget).shared(requests))


def largest_gap(a: list[list[float]], b: list[list[float]]) -> float:
    return max(abs(x - y) for xs, ys in zip(a, b, strict=True) for x, y in zip(xs, ys, strict=True))


def ids(draw: random.Random, n: int) -> TokenIds:
    return tuple(draw.randrange(1, VOCABULARY) for _ in range(n))


def workload(prefix_tokens: int = 11) -> list[ChoiceRequest]:
    """Two instructions with three questions each, of unequal lengths, and choices that share beginnings."""
    draw = random.Random(1)
    instructions = [ids(draw, prefix_tokens), ids(draw, prefix_tokens + 1)]
    stem = ids(draw, 2)
    choices = (ids(draw, 1), (*stem, 5), (*stem, 6, 7), stem, ids(draw, 4), ids(draw, 1))
    return [
        ChoiceRequest(context=instruction + ids(draw, length), choices=choices)
        for instruction in instructions
        for length in (1, 5, 9)
    ]


@pytest.mark.parametrize("name", ATTENTION)
def test_reuse_equals_the_model_itself(name: str) -> None:
    model = tiny_model(name)
    requests = workload()
    assert largest_gap(shared(model, requests), by_the_model_itself(model, requests)) < 1e-4


@pytest.mark.parametrize("name", ["llama", "gemma3-window-8", "mamba"])
def test_no_reuse_equals_the_model_itself(name: str) -> None:
    model = tiny_model(name)
    requests = workload()
    with torch.inference_mode():
        plain = numbers(likelihood(model, token_budget=64).whole(requests))
    assert largest_gap(plain, by_the_model_itself(model, requests)) < 1e-4


@pytest.mark.parametrize("prefix_tokens", [3, 7, 8, 9, 30])
@pytest.mark.parametrize("name", ["mistral-window-8", "gemma3-window-8"])
def test_windows_hold_below_at_and_beyond_their_length(name: str, prefix_tokens: int) -> None:
    model = tiny_model(name)
    requests = workload(prefix_tokens)
    assert largest_gap(shared(model, requests), by_the_model_itself(model, requests)) < 1e-4


def test_one_mask_for_all_kinds_of_layers_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("gemma3-window-8")
    requests = workload(30)
    body = Body(model)
    monkeypatch.setattr(body, "_kinds", AttentionKinds(window=None, by_kind=False))
    broken = replace(likelihood(model), body=body)
    with torch.inference_mode():
        assert largest_gap(numbers(broken.shared(requests)), by_the_model_itself(model, requests)) > 0.01


def test_branches_that_saw_each_other_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opro_local.engine.rows, "_end_of_subtree", lambda *_: FOREVER - 1000)
    model = tiny_model("llama")
    requests = workload()
    assert largest_gap(shared(model, requests), by_the_model_itself(model, requests)) > 0.01


def test_what_is_shared_is_run_once() -> None:
    model = tiny_model("llama")
    engine = likelihood(model)
    contexts = [(9,) * 20 + (i, 5) for i in range(1, 4)]
    requests = [ChoiceRequest(context=context, choices=((1,), (2, 3))) for context in contexts]
    with torch.inference_mode():
        engine.shared(requests)
        assert engine.body.tokens_run == 20 + 3 * (2 + 1)
        engine.whole(requests)
    assert engine.body.tokens_run == 29 + 3 * (22 + 23)


def test_one_row_alone_and_rows_without_a_common_prefix() -> None:
    model = tiny_model("qwen3")
    alone = [ChoiceRequest(context=(4, 5, 6), choices=((7, 8),))]
    unlike = [ChoiceRequest(context=(n, n + 1), choices=((n,), (n, 1))) for n in (2, 3, 4)]
    for requests in (alone, unlike):
        assert largest_gap(shared(model, requests), by_the_model_itself(model, requests)) < 1e-4


def test_prefixing_and_repeated_choices_keep_their_own_scores() -> None:
    model = tiny_model("llama")
    request = ChoiceRequest(context=(4, 5, 6), choices=((7,), (7, 8), (7,), (7, 8, 9)))
    (scores,) = shared(model, [request])
    assert scores[0] == scores[2]
    assert scores[0] > scores[1] > scores[3]
    assert largest_gap([scores], by_the_model_itself(model, [request])) < 1e-4


def test_no_requests_and_no_choices_give_nothing() -> None:
    model = tiny_model("llama")
    assert shared(model, []) == []
    assert shared(model, [ChoiceRequest(context=(1, 2), choices=())]) == [[]]


def test_a_changed_row_leaves_the_others_alone() -> None:
    model = tiny_model("qwen2")
    requests = workload()
    changed = [*requests[:-1], replace(requests[-1], context=(*requests[-1].context[:-1], 3))]
    assert shared(model, requests)[:-1] == shared(model, changed)[:-1]


def test_the_order_of_requests_does_not_matter() -> None:
    model = tiny_model("gemma3")
    requests = workload()
    assert shared(model, requests[::-1]) == shared(model, requests)[::-1]


def test_small_batches_give_the_same_scores() -> None:
    model = tiny_model("phi3")
    requests = workload()
    assert largest_gap(shared(model, requests, budget=16), shared(model, requests)) < 1e-5


def test_memory_running_short_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    requests = workload()
    expected = shared(model, requests)
    engine = likelihood(model)
    behind = Body.behind

    def tight(self: Body, rows: Sequence[opro_local.engine.rows.Row], **rest: object) -> object:
        if len(rows) > 1:
            raise torch.OutOfMemoryError
        return behind(self, rows, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Body, "behind", tight)
    with torch.inference_mode():
        assert largest_gap(numbers(engine.shared(requests)), expected) < 1e-5


def test_a_model_without_a_number_says_nan() -> None:
    model = tiny_model("llama")
    model.get_input_embeddings().weight.data[50] = math.nan
    good = ChoiceRequest(context=(1, 2), choices=((3,), (4, 5)))
    bad = ChoiceRequest(context=(1, 50), choices=((3,), (4, 5)))
    scores = shared(model, [good, bad])
    assert all(math.isfinite(score) for score in scores[0])
    assert all(math.isnan(score) for score in scores[1])


@pytest.mark.parametrize("name", ATTENTION)
def test_the_probe_lets_attention_models_share(name: str) -> None:
    with torch.inference_mode():
        assert choose_level(likelihood(tiny_model(name)), None).level == "E1"


def test_the_probe_refuses_a_recurrent_model() -> None:
    engine = likelihood(tiny_model("mamba"))
    with torch.inference_mode():
        assert choose_level(engine, None).level == "E0"
        with pytest.raises(ModelError, match="E1"):
            choose_level(engine, "E1")


def test_the_probe_finds_a_wrong_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = likelihood(tiny_model("gemma3-window-8"))
    monkeypatch.setattr(engine.body, "_kinds", AttentionKinds(window=8, by_kind=False))
    with torch.inference_mode():
        verdict = choose_level(engine, None)
    assert verdict.level == "E0"
    assert "differs from no reuse" in verdict.reason


def test_the_probe_falls_back_where_the_model_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = likelihood(tiny_model("llama"))

    def refuse(self: Body, prefix: TokenIds) -> None:
        raise TypeError("unexpected keyword")

    monkeypatch.setattr(Body, "prefix", refuse)
    with torch.inference_mode():
        assert choose_level(engine, None).level == "E0"


def test_no_probe_is_run_where_no_reuse_is_asked_for() -> None:
    engine = likelihood(tiny_model("llama"))
    assert choose_level(engine, "E0") == Verdict(level="E0", reason="asked for")
    assert engine.body.tokens_run == 0


def test_the_probe_goes_beyond_a_short_window() -> None:
    assert min(len(request.context) for request in probe_requests(97, 8)) > 8
    assert max(len(request.context) for request in probe_requests(97, 4096)) < 16
