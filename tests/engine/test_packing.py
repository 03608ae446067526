"""What bitsandbytes packs and what stays dense: matrices that it would misread, experts, the output layer."""

from pathlib import Path

import pytest
import torch
from tiny_models import LOADABLE, byte_tokenizer, random_model
from transformers import AutoModelForCausalLM, LlamaConfig, MixtralConfig, PreTrainedModel
from typed_transformers import packing

from opro_local.catalogue.weights import quantized_share
from opro_local.engine.importing import store_quantized
from opro_local.engine.loading import load_folder
from opro_local.engine.local import LocalEngine
from opro_local.engine.memory import plan_folder, read_needs
from opro_local.engine.packing import each_weight, multiplied, packed_share
from opro_local.engine.profile import profile_folder
from opro_local.errors import ModelError

LAYERS = 2


def llama(hidden: int, inner: int) -> PreTrainedModel:
    """Four heads, two of them for keys."""
    config = LlamaConfig(
        vocab_size=LOADABLE.vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return random_model(config)


def mixtral() -> PreTrainedModel:
    config = MixtralConfig(
        vocab_size=LOADABLE.vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        num_experts_per_tok=2,
        sliding_window=None,
    )
    return random_model(config)


def saved(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.inference_mode():
        result: torch.Tensor = model(torch.arange(3, 20)[None], use_cache=False).logits.float()
        return result


def packed_layers(model: PreTrainedModel) -> list[str]:
    """Names within a layer."""
    names = (name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit")
    return sorted({name.split(".", 3)[3] for name in names})


@pytest.mark.parametrize(
    ("hidden", "inner", "packed"),
    [
        (96, 192, ["mlp.down_proj"]),  # its input alone is a multiple of 64
        (128, 144, ["self_attn.k_proj", "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj"]),
    ],
)
def test_matrices_that_4_bit_would_spoil_stay_dense(
    tmp_path: Path, hidden: int, inner: int, packed: list[str]
) -> None:
    folder = saved(llama(hidden, inner), tmp_path / "model")
    loaded = load_folder(folder, quantize="nf4", device="cpu")
    assert packed_layers(loaded.model) == packed
    engine = LocalEngine(loaded, digest="tiny")
    assert engine.level == "E3"


def test_an_odd_width_is_quantised_no_worse_than_an_even_one(tmp_path: Path) -> None:
    off = {}
    for hidden, inner in ((64, 128), (96, 192)):
        folder = saved(llama(hidden, inner), tmp_path / str(hidden))
        dense, packed = (load_folder(folder, quantize=how, device="cpu") for how in ("fp32", "nf4"))
        right = logits(dense.model)
        off[hidden] = float((logits(packed.model) - right).norm() / right.norm())
    assert off[96] < off[64] < 0.3


def test_a_model_of_which_nothing_fits_is_not_said_to_be_quantised(tmp_path: Path) -> None:
    folder = saved(llama(80, 112), tmp_path / "model")
    with pytest.raises(
        ModelError, match=r"none of its matrices has a size that fits nf4\. Use --quantize bf16"
    ):
        load_folder(folder, quantize="nf4", device="cpu")


def test_int8_takes_any_width(tmp_path: Path) -> None:
    folder = saved(llama(80, 100), tmp_path / "model")
    dense, packed = (load_folder(folder, quantize=how, device="cpu") for how in ("fp32", "int8"))
    right = logits(dense.model)
    assert (logits(packed.model) - right).norm() < 0.1 * right.norm()


def test_a_stored_folder_leaves_the_same_matrices_dense_and_tells_its_share(tmp_path: Path) -> None:
    folder = saved(llama(96, 192), tmp_path / "dense")
    store_quantized(folder, tmp_path / "nf4", "nf4")
    store_quantized(folder, tmp_path / "int8", "int8")
    down = 96 * 192
    layer = 2 * 96 * 96 + 2 * 96 * 48 + 3 * down
    rest = 2 * LOADABLE.vocabulary * 96 + 5 * 96
    whole = LAYERS * layer + rest
    assert quantized_share(tmp_path / "nf4") == pytest.approx(LAYERS * down / whole, abs=1e-4)
    assert quantized_share(tmp_path / "int8") == pytest.approx(LAYERS * layer / whole, abs=1e-4)
    assert quantized_share(folder) is None
    stored = load_folder(tmp_path / "nf4", quantize="auto", device="cpu")
    fresh = load_folder(folder, quantize="nf4", device="cpu")
    assert packed_layers(stored.model) == packed_layers(fresh.model) == ["mlp.down_proj"]
    assert torch.equal(logits(stored.model), logits(fresh.model))


def stored_elsewhere(folder: Path, target: Path, compute: torch.dtype = torch.bfloat16) -> Path:
    """As other programs store it: every matrix packed."""
    settings = packing(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute)
    AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=settings, dtype=torch.bfloat16, device_map={"": "cpu"}
    ).save_pretrained(target)
    byte_tokenizer().save_pretrained(target)
    return target


def test_stored_matrices_that_a_cpu_misreads_are_refused_by_name(tmp_path: Path) -> None:
    folder = stored_elsewhere(saved(llama(96, 192), tmp_path / "dense"), tmp_path / "nf4")
    with pytest.raises(
        ModelError, match=r"nf4: model.layers.0.self_attn.q_proj has 96 inputs; in 4 bit a CPU"
    ):
        load_folder(folder, quantize="auto", device="cpu")


def test_stored_matrices_that_only_the_kernel_refuses_go_the_general_way(tmp_path: Path) -> None:
    # With 4 heads of 16, 1 of them for keys, the key and value matrices have 16 outputs and 128 inputs.
    config = llama(128, 192).config
    config.head_dim, config.num_key_value_heads = 16, 1
    dense = saved(random_model(config), tmp_path / "dense")
    folder = stored_elsewhere(dense, tmp_path / "nf4")
    packed = load_folder(folder, quantize="auto", device="cpu").model
    assert "self_attn.k_proj" in packed_layers(packed)
    right = logits(load_folder(dense, quantize="fp32", device="cpu").model)
    assert (logits(packed) - right).norm() < 0.4 * right.norm()


@pytest.mark.parametrize("kernel", [True, False])
def test_numerics_tell_what_4_bit_matrices_are_multiplied_in(tmp_path: Path, kernel: bool) -> None:
    dense = saved(llama(64, 128), tmp_path / "dense")
    folder = stored_elsewhere(dense, tmp_path / "nf4", compute=torch.float32)
    model = load_folder(folder, quantize="auto", device="cpu").model
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            vars(module)["support_avx512bf16_for_cpu"] = kernel
    assert multiplied(model) == ("avx512_bf16" if kernel else "float32")
    assert multiplied(load_folder(dense, quantize="bf16", device="cpu").model) == ""


def test_experts_in_one_tensor_are_counted_dense_and_said(tmp_path: Path) -> None:
    folder = saved(mixtral(), tmp_path / "mixtral")
    profile = profile_folder(folder, quantize="nf4", device="cpu")
    attention, router, experts = 2 * 64 * 64 + 2 * 64 * 32, 4 * 64, 4 * 3 * 64 * 128
    dense = LAYERS * (router + experts + 2 * 64) + 2 * LOADABLE.vocabulary * 64 + 64
    packed = LAYERS * attention
    sizes = [(weight.numel(), how) for weight, how in each_weight(profile.skeleton, "nf4")]
    # The router has 4 outputs.
    assert (sum(n for n, how in sizes if how), sum(n for n, how in sizes if not how)) == (packed, dense)
    assert read_needs(profile).weights == sum(int(n * (0.5 + 1 / 64)) if how else 2 * n for n, how in sizes)
    share = packed / (packed + dense)
    assert packed_share(profile.skeleton, "nf4") == pytest.approx(share)
    assert f"weights, {share:.0%} of them nf4, " in str(plan_folder(folder, quantize="nf4", device="cpu"))
    store_quantized(folder, tmp_path / "nf4", "nf4")
    assert quantized_share(tmp_path / "nf4") == pytest.approx(share, abs=1e-4)
