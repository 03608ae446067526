"""Every family of the catalogue scores as plain transformers does, and a family that does not is told."""

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from opro_local.catalogue import load_catalogue
from opro_local.engine.family_check import (
    EXACT_NATS,
    SIZES,
    FamilyCheck,
    check_family,
    compare,
    random_probes,
    save_tiny,
    tiny_config,
)
from opro_local.engine.local import load_engine
from opro_local.errors import ModelError

FAMILIES = sorted({spec.family for spec in load_catalogue().values()})
REUSES_NOTHING = {"granitemoehybrid", "lfm2", "qwen3_5"}
"""Their state is recurrent, or reaches over neighbouring tokens."""


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_the_catalogue_is_scored_exactly(family: str) -> None:
    found = check_family(family)
    assert found.choice_gap < EXACT_NATS and found.token_gap < EXACT_NATS
    assert found.greedy_equal and found.exact
    assert (found.level == "E0") == (family in REUSES_NOTHING), found.reason


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tiny_config_keeps_the_kinds_of_layers_of_the_family(family: str) -> None:
    config = tiny_config(family).get_text_config()
    assert config.vocab_size == SIZES["vocab_size"] and config.hidden_size == SIZES["hidden_size"]
    kinds = set(getattr(config, "layer_types", None) or ())
    expected = {
        "gemma3": {"sliding_attention", "full_attention"},
        "gemma4": {"sliding_attention", "full_attention"},
        "gemma4_unified": {"sliding_attention", "full_attention"},
        "olmo3": {"sliding_attention", "full_attention"},
        "qwen3_5": {"linear_attention", "full_attention"},
        "lfm2": {"conv", "full_attention"},
        "granitemoehybrid": {"linear_attention", "full_attention"},
    }
    assert kinds >= expected.get(family, set())


def checked(tmp_path: Path, seed_of_other: int | None) -> FamilyCheck:
    """A tiny llama held against itself, or against one with other weights."""
    save_tiny("llama", tmp_path / "llama")
    engine = load_engine(tmp_path / "llama", digest="tiny", quantize="fp32", device="cpu")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "llama", dtype=torch.float32)
    if seed_of_other is not None:
        torch.manual_seed(seed_of_other)
        torch.nn.init.normal_(plain.lm_head.weight, std=0.1)
    return compare("llama", engine, plain, random_probes(320, random.Random(0)))


def test_the_same_model_is_exact(tmp_path: Path) -> None:
    found = checked(tmp_path, None)
    assert found.exact and found.level == "E3"


def test_another_head_is_no_exact_model(tmp_path: Path) -> None:
    found = checked(tmp_path, 1)
    assert found.choice_gap > 0.1 and not found.greedy_equal and not found.exact


def test_a_family_that_transformers_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match=r"builds no model of family 'made-up'"):
        check_family("made-up")
