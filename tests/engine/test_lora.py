"""Adapters are merged exactly or refused by name."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_adapters import MODULE, write_adapter
from tiny_models import save_tiny_model

from opro_local.engine.lora import merge_adapter
from opro_local.errors import ModelError

WEIGHT = f"{MODULE}.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("base") / "base", "llama")


def merged(adapter: Path, base: Path) -> dict[str, torch.Tensor]:
    target = adapter.parent / "merged"
    target.mkdir()
    merge_adapter(adapter, base, target)
    return load_file(target / "model.safetensors")


def test_scaled_products_are_added_to_the_weights_that_are_named_and_to_no_other(
    base: Path, tmp_path: Path
) -> None:
    adapter, change = write_adapter(tmp_path / "adapter")  # alpha 6 over rank 2: three times B A
    before, after = load_file(base / "model.safetensors"), merged(adapter, base)
    assert torch.equal(after.pop(WEIGHT), before.pop(WEIGHT) + change)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("config", "factor"),
    [
        ({"use_rslora": True}, 2 / math.sqrt(2)),  # 6 / sqrt(2) for 6 / 2
        ({"alpha_pattern": {"q_proj": 2}}, 1 / 3),
        ({"alpha_pattern": {r"layers\.\d+\.self_attn\.q_proj": 12, "q_proj": 2}}, 2.0),  # the first that fits
        ({"alpha_pattern": {"0.self_attn.q_proj": 2}}, 1.0),
        ({"alpha_pattern": {"^model.layers.1.self_attn.q_proj": 2}}, 1 / 3),
        ({"r": 9, "rank_pattern": {"q_proj": 2}}, 1.0),
        ({"lora_dropout": 0.1, "init_lora_weights": "gaussian", "layers_to_transform": [1]}, 1.0),
    ],
)
def test_the_scale_is_the_configurations(
    base: Path, tmp_path: Path, config: dict[str, object], factor: float
) -> None:
    adapter, change = write_adapter(tmp_path / "adapter", config)
    difference = merged(adapter, base)[WEIGHT] - load_file(base / "model.safetensors")[WEIGHT]
    assert torch.allclose(difference, factor * change, atol=1e-5)


def test_weights_stored_by_input_get_the_transposed_product(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "gpt2", "gpt2")
    module = "transformer.h.0.attn.c_proj"
    adapter, change = write_adapter(
        tmp_path / "adapter", {"target_modules": ["c_proj"], "fan_in_fan_out": True}, module=module
    )
    before = load_file(base / "model.safetensors")[f"{module}.weight"]
    assert torch.equal(merged(adapter, base)[f"{module}.weight"], before + change.T)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"use_dora": True}, "use_dora True"),
        ({"modules_to_save": ["lm_head"]}, r"modules_to_save \['lm_head'\]"),
        ({"bias": "all"}, "bias 'all'"),
        ({"peft_type": "IA3"}, "peft_type 'IA3'"),
        ({"task_type": "SEQ_CLS"}, "task_type 'SEQ_CLS'"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights 'pissa'"),
        ({"target_parameters": ["experts.up"]}, "target_parameters"),
        ({"layer_replication": [[0, 2], [1, 3]]}, "layer_replication"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"some_new_option": 7}, "some_new_option 7"),
        ({"r": 0}, "r 0"),
        ({"lora_alpha": None}, "lora_alpha None"),
    ],
)
def test_what_is_more_than_plain_lora_is_refused_by_name(
    base: Path, tmp_path: Path, config: dict[str, object], said: str
) -> None:
    adapter, _ = write_adapter(tmp_path / "adapter", config)
    with pytest.raises(ModelError, match=f"only plain LoRA adapters are merged, this has {said}"):
        merged(adapter, base)


def test_a_rank_that_is_not_the_configurations_is_refused(base: Path, tmp_path: Path) -> None:
    adapter, _ = write_adapter(tmp_path / "adapter", {"r": 4})
    with pytest.raises(ModelError, match=f"{MODULE} has rank 2, adapter_config.json says 4"):
        merged(adapter, base)


def test_an_adapter_of_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    adapter, _ = write_adapter(tmp_path / "one", module="model.layers.9.self_attn.q_proj")
    with pytest.raises(
        ModelError, match=r"it changes model\.layers\.9\.self_attn\.q_proj, which the base has not"
    ):
        merged(adapter, base)
    (tmp_path / "merged").rmdir()
    adapter, _ = write_adapter(
        tmp_path / "two", {"target_modules": None}, module="model.layers.1.mlp.up_proj"
    )
    with pytest.raises(ModelError, match=r"up_proj is \(64, 64\), in the base \(128, 64\)"):
        merged(adapter, base)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"base_model.model.lm_head.weight": torch.ones(2)},
            "lm_head.weight is more than a plain LoRA adapter",
        ),
        ({f"base_model.model.{MODULE}.lora_magnitude_vector": torch.ones(2)}, "is more than a plain LoRA"),
        ({"base_model.model.x.lora_A.weight": torch.ones(2, 64)}, "x has one half of its two"),
    ],
)
def test_tensors_that_are_left_over_are_refused(
    base: Path, tmp_path: Path, change: dict[str, torch.Tensor], said: str
) -> None:
    adapter, _ = write_adapter(tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    save_file(load_file(file) | change, file)
    with pytest.raises(ModelError, match=said):
        merged(adapter, base)


def test_a_target_without_tensors_and_numbers_that_overflow_are_refused(base: Path, tmp_path: Path) -> None:
    adapter, _ = write_adapter(tmp_path / "one", {"target_modules": ["q_proj", "v_proj"]})
    with pytest.raises(ModelError, match="its target v_proj has no tensors"):
        merged(adapter, base)
    (tmp_path / "merged").rmdir()
    adapter, _ = write_adapter(tmp_path / "two")
    file = adapter / "adapter_model.safetensors"
    save_file({name: half * float("inf") for name, half in load_file(file).items()}, file)
    with pytest.raises(ModelError, match="is not finite after merging"):
        merged(adapter, base)
