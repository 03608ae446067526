"""What models cost and the least that a machine needs, worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import CONFIGS, NUMERIC, gemma4, random_model, save_tiny_model, tiny_model
from transformers import DeepseekV3Config, MixtralConfig
from typed_transformers import from_config, moved

from opro_local.engine.counts import Counts, Decoding, count
from opro_local.engine.forward import Body
from opro_local.engine.limits import (
    ModelCost,
    Peaks,
    efficiency,
    least_bytes,
    least_decoding_seconds,
    least_flops,
    least_seconds,
    measure_peaks,
    read_cost,
)
from opro_local.engine.loading import load_folder
from opro_local.engine.local import LocalEngine
from opro_local.engine.probe import Level
from opro_local.llm import ChoiceRequest, GenerationRequest

COST = ModelCost(
    body_parameters=100,
    head_parameters=30,
    full_width=4,
    sliding_width=2,
    window=8,
    weight_bytes=1000,
    kv_bytes=5,
)
COUNTS = Counts(unique_tokens=10, cached_tokens=6, head_rows=3, context_tokens=50, window_tokens=40, passes=2)

# Tiny models: 3 layers of width 48, 6 heads of 8, 2 of them for keys, 96 inside, 97 ids.
ATTENTION, FEED_FORWARD = 48 * 48 + 2 * 48 * 16 + 48 * 48, 3 * 48 * 96


def test_a_llama_costs_its_matrices_without_the_embedding() -> None:
    body = 3 * (ATTENTION + FEED_FORWARD)
    assert read_cost(tiny_model("llama")) == ModelCost(
        body_parameters=body,
        head_parameters=97 * 48,
        full_width=3 * 48,
        sliding_width=0,
        window=None,
        weight_bytes=4 * (body + 97 * 48 + 7 * 48),  # seven norms
        kv_bytes=3 * 2 * 16 * 4,
    )


def test_fused_matrices_without_linear_layers_cost_the_same() -> None:
    # GPT-2 has a key head for every head, two matrices in its feed-forward, four times the width inside.
    assert read_cost(tiny_model("gpt2")).body_parameters == 3 * (4 * 48 * 48 + 2 * 48 * 192)


@pytest.mark.parametrize(
    ("name", "full", "sliding", "window"),
    [("mistral-window-8", 0, 3, 8), ("qwen2-window-8", 1, 2, 8), ("gemma3", 1, 5, 64), ("mamba", 0, 0, None)],
)
def test_layers_count_by_kind(name: str, full: int, sliding: int, window: int | None) -> None:
    cost = read_cost(tiny_model(name))
    assert (cost.full_width, cost.sliding_width, cost.window) == (full * 48, sliding * 48, window)


def test_a_window_that_the_architecture_ignores_is_none() -> None:
    config = CONFIGS["llama"](NUMERIC)
    config.sliding_window = 8
    model = random_model(config)
    with torch.inference_mode():
        cost = read_cost(model, Body(model).kinds)
    assert (cost.full_width, cost.sliding_width, cost.window) == (3 * 48, 0, None)


def test_layers_of_unlike_heads_count_by_their_own() -> None:
    # Gemma 4: 4 sliding layers with 2 key heads of 8, 2 full ones with 1 key head of 16; 6 query heads.
    config = gemma4(num_kv_shared_layers=0)
    cost = read_cost(random_model(config))
    assert (cost.full_width, cost.sliding_width, cost.window) == (2 * 6 * 16, 4 * 6 * 8, 8)
    assert cost.kv_bytes == 4 * 2 * (4 * 2 * 8 + 2 * 1 * 16)


def test_latent_attention_keeps_whole_keys_and_values_of_every_head() -> None:
    # 6 heads with keys of 8 + 4 and values of 8.
    config = DeepseekV3Config(
        vocab_size=97,
        hidden_size=48,
        intermediate_size=96,
        moe_intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=6,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        kv_lora_rank=16,
        q_lora_rank=24,
        qk_nope_head_dim=8,
        qk_rope_head_dim=4,
        v_head_dim=8,
        bos_token_id=None,
        eos_token_id=None,
    )
    cost = read_cost(from_config(config))
    assert (cost.full_width, cost.kv_bytes) == (3 * 6 * (12 + 8) // 2, 4 * 3 * 6 * (12 + 8))


def test_of_the_experts_only_the_chosen_ones_cost() -> None:
    config = MixtralConfig(
        vocab_size=97,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        num_local_experts=5,
        num_experts_per_tok=2,
        sliding_window=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    router = 5 * 48
    cost = read_cost(from_config(config))
    assert cost.body_parameters == 3 * (ATTENTION + router + 2 * FEED_FORWARD)


def test_quantised_matrices_multiply_whole_and_are_read_packed(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path, "llama")
    dense, packed = (
        read_cost(load_folder(folder, quantize=how, device="cpu").model) for how in ("bf16", "nf4")
    )
    assert packed.body_parameters == dense.body_parameters
    # Four bits instead of sixteen.
    assert dense.weight_bytes - packed.weight_bytes == dense.body_parameters * 3 // 2


def test_the_least_work_is_body_head_and_attention_by_kind() -> None:
    assert least_flops(COST, COUNTS) == 2 * 100 * 10 + 2 * 30 * 3 + 4 * (4 * 50 + 2 * 40)


def test_the_least_traffic_is_the_weights_a_pass_and_the_cache() -> None:
    assert least_bytes(COST, COUNTS) == 1000 * 2 + 5 * (10 + 6)


def test_the_slower_of_work_and_traffic_sets_the_limit() -> None:
    # 3300 operations, 2080 bytes.
    assert least_seconds(COST, COUNTS, Peaks(flops=100, bandwidth=1000)) == 33
    assert least_seconds(COST, COUNTS, Peaks(flops=10_000, bandwidth=10)) == 208
    assert efficiency(COST, COUNTS, Peaks(flops=100, bandwidth=1000), seconds=66) == 0.5


@pytest.mark.parametrize("level", ["E0", "E2", "E3"])
def test_no_level_runs_less_or_faster_than_the_limit(tmp_path: Path, level: Level) -> None:
    loaded = load_folder(save_tiny_model(tmp_path, "llama"), quantize="fp32", device="cpu")
    engine = LocalEngine(loaded, digest="tiny", level=level)
    requests = [
        ChoiceRequest(context=(*range(20), first, 7), choices=((1, 2, 3), (1, 4))) for first in range(8)
    ]
    engine.loglikelihood(requests)
    assert engine.tokens_run >= count(requests).unique_tokens == 20 + 8 * 2 + 8 * 2


@pytest.mark.parametrize("level", ["E0", "E2", "E3"])
def test_decoding_is_no_faster_than_the_limit(tmp_path: Path, level: Level) -> None:
    loaded = load_folder(save_tiny_model(tmp_path, "llama"), quantize="fp32", device="cpu")
    engine = LocalEngine(loaded, digest="tiny", level=level)
    plain = GenerationRequest(prompt=tuple(range(20)), max_tokens=6, final=lambda _text: False)
    asked = replace(plain, drafts=(engine.generate([plain])[0].ids,))
    before = engine.effort()
    replies = engine.generate([asked] * 3) + engine.sample(asked, 4, temperature=1.0, seed=0)
    done = engine.effort().since(before)
    assert done.decoded_tokens == sum(len(reply.ids) for reply in replies)
    assert done.decoding_efficiency is not None
    assert 0 < done.decoding_efficiency < 1


def test_replies_take_their_prompts_and_then_their_steps() -> None:
    # Work decides in the prompts, traffic in the steps.
    peaks = Peaks(flops=100, bandwidth=1000)
    steps = replace(COUNTS, unique_tokens=1, head_rows=1, context_tokens=1, window_tokens=1, passes=1000)
    found = least_decoding_seconds(COST, Decoding(prompts=COUNTS, steps=steps), peaks)
    assert found == 33 + least_bytes(COST, steps) / 1000


def test_peaks_are_those_of_this_machine() -> None:
    peaks = measure_peaks(tiny_model("llama"), copy_bytes=2**22)
    # Slower than any machine of this century, faster than any of this decade.
    assert 1e7 < peaks.flops < 1e17
    assert 1e7 < peaks.bandwidth < 1e14


def test_the_peak_is_measured_in_the_models_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[torch.dtype, torch.Size]] = set()
    real = torch.nn.functional.linear

    def spy(inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        seen.add((weight.dtype, weight.shape))
        return real(inputs, weight)

    monkeypatch.setattr("opro_local.engine.limits.linear", spy)
    measure_peaks(moved(tiny_model("llama"), torch.bfloat16), copy_bytes=2**20)
    shapes = {(48, 48), (16, 48), (96, 48), (48, 96)}
    assert seen == {(torch.bfloat16, torch.Size(shape)) for shape in shapes}


def test_more_cached_tokens_and_passes_only_add_traffic() -> None:
    more = replace(COUNTS, cached_tokens=7, passes=3)
    assert least_flops(COST, more) == least_flops(COST, COUNTS)
    assert least_bytes(COST, more) == least_bytes(COST, COUNTS) + 1000 + 5
