"""What attention is like is asked of the model: keys that its architecture ignores change nothing."""

import random
from functools import cache

import pytest
import torch
from oracle import by_the_model_itself, ids, largest_gap, numbers
from tiny_models import CONFIGS, NUMERIC, configured, gemma4, random_model, tiny_model
from transformers import (
    GPTNeoConfig,
    Llama4TextConfig,
    MistralConfig,
    OlmoConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3NextConfig,
    SmolLM3Config,
    Starcoder2Config,
)

from opro_local.engine.asking import Attention, Heads, Rule, ask_attention, reach_of
from opro_local.engine.blocks import body_of
from opro_local.engine.forward import Body
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.masks import FULL, NoReuse, Reach
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import StoredPrefixes
from opro_local.engine.probe import Verdict, choose_level
from opro_local.llm import ChoiceRequest

CPU = torch.device("cpu")
SMALL = {
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def asked(model: PreTrainedModel) -> Attention:
    with torch.inference_mode():
        return ask_attention(model, body_of(model))


def left_over(config: PreTrainedConfig, **keys: object) -> PreTrainedConfig:
    """A configuration with keys of other architectures, as converters leave them."""
    for key, value in keys.items():
        setattr(config, key, value)
    return config


IGNORED = {
    "llama": left_over(CONFIGS["llama"](NUMERIC), sliding_window=8),
    "llama-switched-on": left_over(
        CONFIGS["llama"](NUMERIC), sliding_window=8, use_sliding_window=True, max_window_layers=1
    ),
    "llama-named-layers": left_over(
        CONFIGS["llama"](NUMERIC), sliding_window=8, layer_types=["sliding_attention"] * 3
    ),
    "llama-chunks": left_over(CONFIGS["llama"](NUMERIC), attention_chunk_size=8),
    "gpt2": left_over(CONFIGS["gpt2"](NUMERIC), sliding_window=8),
    "gpt-neox": left_over(CONFIGS["gpt-neox"](NUMERIC), sliding_window=8, attention_window=8),
    "granite": left_over(CONFIGS["granite"](NUMERIC), sliding_window=8),
    "olmo": left_over(configured(OlmoConfig, SMALL), sliding_window=8),
    "qwen2-switched-off": configured(Qwen2Config, SMALL, use_sliding_window=False, sliding_window=8),
    "qwen2-switched-off-later": left_over(
        configured(Qwen2Config, SMALL, use_sliding_window=False),
        sliding_window=8,
        layer_types=["full_attention"] * 3,
    ),
    "smollm3-switched-off": configured(
        SmolLM3Config, SMALL, use_sliding_window=False, sliding_window=8, pad_token_id=0
    ),
}
USED = {
    "mistral": (configured(MistralConfig, SMALL, sliding_window=8), (Reach(window=8),) * 3),
    "starcoder2": (configured(Starcoder2Config, SMALL, sliding_window=8), (Reach(window=8),) * 3),
    "qwen2": (CONFIGS["qwen2-window-8"](NUMERIC), (FULL, Reach(window=8), Reach(window=8))),
    "gemma3": (CONFIGS["gemma3-window-8"](NUMERIC), (*[Reach(window=8)] * 5, FULL)),
    "cohere2": (CONFIGS["cohere2-window-8"](NUMERIC), (Reach(window=8),) * 3),
    "gemma4": (gemma4(), (Reach(window=8), Reach(window=8), FULL) * 2),
}


@pytest.mark.parametrize("name", IGNORED)
def test_a_window_that_the_architecture_ignores_cuts_nothing(name: str) -> None:
    assert set(asked(random_model(IGNORED[name])).kinds.layers) == {FULL}


@pytest.mark.parametrize("name", USED)
def test_windows_are_those_that_the_model_masks_by(name: str) -> None:
    config, reaches = USED[name]
    assert asked(random_model(config)).kinds.layers == reaches


def test_a_window_as_long_as_the_context_cuts_nothing() -> None:
    config = configured(MistralConfig, SMALL, sliding_window=512)
    assert set(asked(random_model(config)).kinds.layers) == {FULL}


def test_heads_are_those_of_each_layer() -> None:
    narrow, wide = Heads(query=6, grouped=3), Heads(query=6, grouped=6)
    assert asked(random_model(gemma4())).heads == (narrow, narrow, wide) * 2


def test_masks_are_taken_by_name_or_as_one() -> None:
    assert asked(tiny_model("llama")).kinds.keys == ()
    assert asked(tiny_model("mistral-window-8")).kinds.keys == ()
    assert asked(tiny_model("qwen2-window-8")).kinds.keys == (
        "full_attention",
        "sliding_attention",
        "sliding_attention",
    )


def test_the_models_own_attention_is_back() -> None:
    model = tiny_model("llama")
    own = model.config._attn_implementation
    asked(model)
    assert model.config._attn_implementation == own


@cache
def rule(reach: Reach) -> Rule:
    def sees(batch: object, head: object, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        near = torch.ones_like(query - key, dtype=torch.bool)
        if reach.window:
            near = key > query - reach.window
        if reach.chunk:
            near = key // reach.chunk == query // reach.chunk
        return near & (key <= query)

    return sees


@pytest.mark.parametrize(
    "reach",
    [FULL, *(Reach(window=n) for n in (1, 2, 7, 99)), *(Reach(chunk=n) for n in (2, 7, 33, 50, 99))],
)
def test_a_rule_of_masks_is_known_by_what_it_does(reach: Reach) -> None:
    assert reach_of(rule(reach), 100, device=CPU) == reach


def test_other_rules_are_refused() -> None:
    def dilated(batch: object, head: object, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (key <= query) & ((query - key) % 2 == 0)

    def to_both_sides(batch: object, head: object, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (query - key).abs() < 4

    for unknown in (dilated, to_both_sides):
        with pytest.raises(NoReuse, match="rule not known"):
            reach_of(unknown, 100, device=CPU)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (configured(Qwen3NextConfig, SMALL | {"num_hidden_layers": 4}, num_experts=4), "recurrent"),
        (
            GPTNeoConfig(
                vocab_size=97,
                hidden_size=48,
                num_layers=2,
                num_heads=4,
                attention_types=[[["global", "local"], 1]],
            ),
            "windows of its own",
        ),
    ],
)
def test_what_is_no_plain_attention_shares_nothing(config: PreTrainedConfig, reason: str) -> None:
    with torch.inference_mode(), pytest.raises(NoReuse, match=reason):
        _ = Body(random_model(config)).attention


def judged(model: PreTrainedModel) -> tuple[Verdict, float]:
    """The level that was chosen, and how far prompts of 100 tokens are from the model itself."""
    draw = random.Random(3)
    prefix = ids(draw, 96)
    requests = [ChoiceRequest(context=prefix + ids(draw, 4), choices=(ids(draw, 1), ids(draw, 3)))] * 2
    whole = WholeLikelihood(body=Body(model), head=read_head(model), token_budget=4096)
    with torch.inference_mode():
        verdict = choose_level(whole, None)
        score: WholeLikelihood | SharedLikelihood = whole
        if verdict.reuse:
            prefixes = StoredPrefixes(reuse=verdict.reuse, store=PrefixStore(0), pass_overhead=0)
            score = SharedLikelihood(head=whole.head, prefixes=prefixes)
        return verdict, largest_gap(numbers(score(requests)), by_the_model_itself(model, requests))


@pytest.mark.parametrize("name", IGNORED)
def test_left_over_windows_change_no_number(name: str) -> None:
    verdict, gap = judged(random_model(IGNORED[name]))
    assert (verdict.level, gap < 1e-4) == ("E3", True)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_kv_shared_layers": 0},
        {"num_kv_shared_layers": 0, "hidden_size_per_layer_input": 0},
        {"attention_k_eq_v": False, "use_double_wide_mlp": True},
        {"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32},
    ],
)
def test_gemma4_runs_at_the_highest_level(settings: dict[str, object]) -> None:
    verdict, gap = judged(random_model(gemma4(**settings)))
    assert (verdict.level, gap < 1e-4) == ("E3", True)


@pytest.mark.parametrize("tuned", [True, False])
def test_llama4_is_exact_and_reuses_only_where_positions_are_told(tuned: bool) -> None:
    config = configured(
        Llama4TextConfig,
        SMALL | {"num_hidden_layers": 4},
        intermediate_size_mlp=96,
        head_dim=8,
        num_local_experts=4,
        num_experts_per_tok=1,
        attention_chunk_size=16,
        attn_temperature_tuning=tuned,
        floor_scale=32,
        pad_token_id=0,
    )
    verdict, gap = judged(random_model(config))
    assert (verdict.level, gap < 1e-4) == ("E0" if tuned else "E3", True)
