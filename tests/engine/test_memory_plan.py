"""A memory plan counts what is known, bounds what can be chosen, and refuses what cannot fit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import save_tiny_model

from opro_local.config import Quantize
from opro_local.engine import memory
from opro_local.engine.memory import Needs, plan_folder, plan_memory, plan_together, read_needs
from opro_local.engine.profile import profile_folder
from opro_local.errors import ModelError

NEEDS = Needs(
    name="model",
    device=torch.device("cpu"),
    process=50_000,
    weights=10_000,
    loading=0,
    workspace=100,
    token_bytes=10,
    kv_bytes=3,
    pair_bytes=0,
    resident=None,
)
"""A forward of 2048 tokens takes 20,580 bytes, one of 256 tokens 2,660."""


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "llama", "llama")


LLAMA_LAYERS = 3 * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 64 * 128)
LLAMA_REST = 2 * 288 * 64 + (2 * 3 + 1) * 64
"""Embeddings and an output layer of their own, and the norms."""


@pytest.mark.parametrize(
    ("quantize", "weights"),
    [
        ("fp32", 4 * (LLAMA_LAYERS + LLAMA_REST)),
        ("bf16", 2 * (LLAMA_LAYERS + LLAMA_REST)),
        ("int8", LLAMA_LAYERS + 2 * LLAMA_REST),
        ("nf4", LLAMA_LAYERS * 33 // 64 + 2 * LLAMA_REST),
    ],
)
def test_weights_are_counted_as_they_will_be_held(llama: Path, quantize: Quantize, weights: int) -> None:
    profile = profile_folder(llama, quantize=quantize, device="cpu")
    needs = read_needs(profile)
    assert needs.weights == weights
    file = (llama / "model.safetensors").stat().st_size
    assert needs.loading == (0 if quantize == "fp32" else file)  # stored in fp32, mapped as it lies


def test_tied_weights_are_counted_once(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "gpt2", "gpt2")
    profile = profile_folder(folder, quantize="fp32", device="cpu")
    layers = 3 * (64 * 192 + 192 + 64 * 64 + 64 + 2 * 64 * 256 + 256 + 64 + 4 * 64)
    assert read_needs(profile).weights == 4 * ((288 + 16384) * 64 + layers + 2 * 64)


def test_the_token_budget_is_halved_until_it_fits() -> None:
    assert plan_memory(NEEDS, 1_000_000).budgets.tokens == 2048
    # 1.1 * (10,000 + 100 + 10 * 1024) = 22,374
    assert plan_memory(NEEDS, 22_374).budgets.tokens == 1024
    assert plan_memory(NEEDS, 22_373).budgets.tokens == 512


def test_prefixes_get_half_of_what_is_left_and_at_most_what_the_weights_take() -> None:
    assert plan_memory(NEEDS, 1_000_000).budgets.kv_bytes == 10_000
    plan = plan_memory(NEEDS, 38_500)  # of which 35,000 may be planned for
    assert plan.budgets.kv_bytes == (35_000 - 10_000 - 20_580) // 2
    assert plan.peak == 50_000 + 10_000 + 20_580 + 2_210


def test_what_the_store_holds_is_told_in_tokens(llama: Path) -> None:
    assert plan_memory(NEEDS, 1_000_000).stored_tokens == 3_333
    assert plan_memory(replace(NEEDS, kv_bytes=0), 1_000_000).stored_tokens == 0  # a recurrent model
    needs = read_needs(profile_folder(llama, quantize="fp32", device="cpu"))
    assert needs.kv_bytes == 3 * 2 * 32 * 4  # layers, keys and values, two heads of 16, fp32


def test_reading_weights_may_be_the_peak() -> None:
    assert plan_memory(replace(NEEDS, loading=90_000), 1_000_000).peak == 150_000


def test_what_cannot_fit_is_refused_with_the_figures() -> None:
    giant = replace(NEEDS, weights=30 * 10**9)
    with pytest.raises(ModelError, match=r"model needs 33\.0 GB of memory on cpu, 16\.0 GB are free"):
        plan_memory(giant, 16 * 10**9)


def test_two_models_fit_together_with_their_stores_or_not_at_all() -> None:
    least = int(1.1 * 12_660)
    assert plan_together([NEEDS, NEEDS], 2 * least - 1) is None
    plans = plan_together([NEEDS, NEEDS], 60_000)
    assert plans is not None
    assert all(plan.budgets.kv_bytes > 0 for plan in plans)
    forward = max(plan.forward for plan in plans)  # only one of them runs at a time
    assert sum(plan.weights + plan.budgets.kv_bytes for plan in plans) + forward <= 60_000 / 1.1


def test_a_folder_is_planned_for_without_reading_its_weights(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 10**9)
    plan = plan_folder(llama, quantize="fp32", device="cpu")
    assert plan.budgets.tokens == 2048
    line = str(plan)
    assert line.startswith("memory: at most ")
    assert "for llama (" in line
    assert line.endswith("1.0 GB free")
