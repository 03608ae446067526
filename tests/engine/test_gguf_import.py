"""A GGUF file becomes the model that llama.cpp runs, or is refused by one line that says why."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from safetensors.torch import load_file
from tiny_gguf import EXPERTS, FEED_FORWARD, HIDDEN, VARIANTS, tiny_tensors, vocabulary, write_tiny_gguf
from transformers import AutoModelForCausalLM

from opro_local.engine.gguf.conversion import import_gguf
from opro_local.engine.gguf.families import FAMILIES
from opro_local.errors import ModelError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "gguf_log_probs.json").read_text())
WRONG = "this value is not supported"


def imported(file: Path) -> Path:
    folder = file.parent / file.stem
    folder.mkdir()
    import_gguf(file, folder)
    return folder


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def refusal(file: Path) -> str:
    """Why a file is refused; nothing may have been written then."""
    folder = file.parent / "refused"
    folder.mkdir()
    with pytest.raises(ModelError) as error:
        import_gguf(file, folder)
    assert list(folder.iterdir()) == []
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize("variant", VARIANTS)
def test_log_probabilities_are_those_of_llama_cpp(variant: str, tmp_path: Path) -> None:
    folder = imported(write_tiny_gguf(tmp_path / "tiny.gguf", variant))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    tokens = model.config.get_text_config().vocab_size
    # llama.cpp looks GELU up in a table of 16-bit numbers.
    tolerance = 2e-3 if variant.startswith("gemma") else 5e-5
    for length, expected in zip(GOLDEN["prompts"], GOLDEN["log_probs"][variant], strict=True):
        ids = random.Random(length).choices(range(3, tokens), k=length)
        with torch.inference_mode():
            log_probs = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[::20]
        assert (log_probs - torch.tensor(expected)).abs().max() < tolerance


def test_every_family_has_a_file_that_was_held_against_llama_cpp() -> None:
    assert {architecture for architecture, _ in VARIANTS.values()} == set(FAMILIES)
    assert set(GOLDEN["log_probs"]) == set(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_tensor_is_needed(variant: str, tmp_path: Path) -> None:
    """Whatever is taken away is missed, but what llama.cpp too can do without: a head, factors of a rope."""
    others = {name for name in tiny_tensors(variant) if name.startswith("blk.") and "blk.1." not in name}
    for name in tiny_tensors(variant).keys() - others - {"output.weight", "rope_freqs.weight"}:
        file = write_tiny_gguf(tmp_path / "tiny.gguf", variant, tensors={name: None})
        with pytest.raises(ModelError, match=r"is missing|come in pairs|has no place"):
            import_gguf(file, tmp_path)


def test_a_tensor_that_the_model_has_no_place_for_is_refused(tmp_path: Path) -> None:
    extra = {"blk.0.ffn_gate_shexp.weight": np.zeros((FEED_FORWARD, HIDDEN), np.float32)}
    assert refusal(write_tiny_gguf(tmp_path / "t.gguf", "llama", tensors=extra)) == (
        "blk.0.ffn_gate_shexp.weight has no place in this model (1 such tensors): the file is of a variant"
        " that is not understood. Use the model's safetensors folder instead."
    )


def test_experts_without_their_keys_are_no_dense_model(tmp_path: Path) -> None:
    keys = {"llama.expert_count": None, "llama.expert_used_count": None}
    assert "blk.0.ffn_gate.weight is missing" in refusal(
        write_tiny_gguf(tmp_path / "t.gguf", "mixtral", keys=keys)
    )
    assert EXPERTS == 4


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    wide = {"blk.1.ffn_down.weight": np.zeros((HIDDEN, FEED_FORWARD + 32), np.float32)}
    assert refusal(write_tiny_gguf(tmp_path / "t.gguf", "llama", tensors=wide)) == (
        "blk.1.ffn_down.weight makes model.layers.1.mlp.down_proj.weight of shape (64, 128),"
        " the model has (64, 96)."
    )


@pytest.mark.parametrize(
    ("variant", "keys", "expected"),
    [
        ("llama", {"llama.attention.sliding_window": 32}, "this key is not understood"),
        ("llama", {"llama.rope.dimension_count": 8}, WRONG),
        ("llama", {"llama.attention.value_length": 8}, WRONG),
        ("llama", {"llama.rope.scaling.type": "ntk"}, "this scaling is not supported"),
        ("qwen2-yarn", {"qwen2.rope.scaling.factor": 1.0}, "yarn needs a factor above 1"),
        ("llama", {"llama.rope.scaling.attn_factor": 2.0}, WRONG),
        ("llama", {"llama.expert_used_count": 2}, WRONG),
        ("llama", {"llama.attention.head_count": None}, "a model needs it"),
        ("llama", {"llama.attention.head_count": 0}, "a model has heads"),
        ("llama", {"llama.attention.head_count_kv": [2, 1]}, "expected one whole number"),
        ("llama", {"llama.attention.layer_norm_rms_epsilon": "small"}, "expected one number"),
        ("llama", {"llama.vocab_size": 5}, WRONG),
        ("llama", {"llama.attention.clamp_kqv": 8.0}, "this key is not understood"),
        ("qwen2-yarn", {"qwen2.rope.scaling.yarn_ext_factor": 0.5}, WRONG),
        ("granite", {"granite.rope.scaling.finetuned": False}, WRONG),
        ("ministral3", {"mistral3.rope.scaling.type": "none"}, "Ministral 3 has yarn scaling"),
        ("phi3-partial", {"phi3.rope.dimension_count": 20}, "a head has 16 dimensions"),
        ("qwen3moe", {"qwen3moe.expert_weights_scale": 2.5}, "this key is not understood"),
        ("gemma3", {"gemma3.attention.sliding_window": None}, "a model needs it"),
        ("llama", {"llama.attention.causal": False}, WRONG),
        ("llama", {"llama.block_count": 4_000_000_000}, "the file has tensors of 2 layers"),
        ("llama", {"llama.attention.layer_norm_rms_epsilon": float("nan")}, "expected a finite number"),
        ("llama3-rope", {"llama.rope.scaling.factor": 4.0}, WRONG),
        ("llama3-rope", {"llama.rope.scale_linear": 4.0}, WRONG),
        ("phi3-longrope", {"phi3.rope.scaling.factor": 4.0}, WRONG),
        ("mixtral", {"llama.expert_used_count": 5}, "there are 4 experts"),
        ("qwen3moe", {"qwen3moe.expert_used_count": 0}, "there are 4 experts"),
        ("granite", {"granite.embedding_scale": 0.0}, WRONG),
        ("granite", {"granite.logit_scale": 0.0}, WRONG),
        ("qwen2-yarn", {"qwen2.rope.scaling.yarn_attn_factor": 1.0}, "1.1386 follows from the factor"),
        ("qwen2-yarn", {"qwen2.rope.scaling.attn_factor": 1.1386}, WRONG),
        ("qwen2-yarn", {"qwen2.rope.scaling.yarn_beta_slow": 2.0}, WRONG),
        ("qwen2-yarn", {"qwen2.rope.scaling.yarn_log_multiplier": 1.0}, WRONG),
    ],
)
def test_a_key_that_changes_numbers_and_is_not_understood_is_refused(
    variant: str, keys: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    line = refusal(write_tiny_gguf(tmp_path / "t.gguf", variant, keys=keys))
    assert line.startswith(next(iter(keys)))
    assert line.endswith(f": {expected}. Use the model's safetensors folder instead.")


def test_keys_that_say_the_same_in_other_words_are_taken(tmp_path: Path) -> None:
    keys = {
        "llama.rope.dimension_count": 16,
        "llama.attention.head_count_kv": [2, 2],
        "llama.vocab_size": len(vocabulary()["tokenizer.ggml.tokens"]),
        "llama.rope.scaling.type": "none",
        "llama.expert_count": 0,
        "quantize.imatrix.file": "calibration.txt",
        "general.languages": ["en"],
    }
    config = config_of(imported(write_tiny_gguf(tmp_path / "t.gguf", "llama", keys=keys)))
    assert config["num_key_value_heads"] == 2
    assert config["rope_parameters"] == {"rope_theta": 10000.0, "rope_type": "default"}


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize(
    ("variant", "key"),
    [
        ("llama3-rope", "llama.rope.scaling.factor"),
        ("llama3-rope", "llama.rope.scale_linear"),
        ("phi3-longrope", "phi3.rope.scaling.factor"),
        ("llama", "llama.rope.scaling.factor"),
        ("llama", "llama.rope.scale_linear"),
    ],
)
def test_a_factor_of_none_or_one_scales_nothing(variant: str, key: str, value: float, tmp_path: Path) -> None:
    without = config_of(imported(write_tiny_gguf(tmp_path / "without.gguf", variant)))
    with_it = config_of(imported(write_tiny_gguf(tmp_path / "with.gguf", variant, keys={key: value})))
    assert with_it["rope_parameters"] == without["rope_parameters"]


def test_the_factors_of_llama_3_become_its_parameters(tmp_path: Path) -> None:
    rope = config_of(imported(write_tiny_gguf(tmp_path / "t.gguf", "llama3-rope")))["rope_parameters"]
    assert rope["rope_type"] == "llama3"
    assert rope["factor"] == 8.0
    assert rope["original_max_position_embeddings"] / rope["low_freq_factor"] == pytest.approx(64, rel=1e-3)


def test_the_parameters_of_meta_are_found_among_those_that_fit(tmp_path: Path) -> None:
    wavelengths = 2 * np.pi * 500000.0 ** (np.arange(0, 16, 2) / 16)
    share = np.clip((8192 / wavelengths - 1) / 3, 0, 1)
    factors = {"rope_freqs.weight": (1 / ((1 - share) / 32 + share)).astype(np.float32)}
    file = write_tiny_gguf(tmp_path / "t.gguf", "llama3-rope", tensors=factors)
    assert config_of(imported(file))["rope_parameters"] == {
        "rope_theta": 500000.0,
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }


def test_factors_that_follow_no_formula_are_refused(tmp_path: Path) -> None:
    factors = {"rope_freqs.weight": np.array([1, 3, 2, 5, 4, 7, 6, 8], np.float32)}
    assert "follow no llama3 scaling" in refusal(
        write_tiny_gguf(tmp_path / "t.gguf", "llama3-rope", tensors=factors)
    )


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "t.gguf", "rwkv7")
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    finish(writer)
    assert refusal(tmp_path / "t.gguf").startswith(
        "Architecture 'rwkv7' is not imported from GGUF (known: gem"
    )


def test_a_vocabulary_alone_is_no_model(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "t.gguf", "llama")
    finish(writer)
    assert refusal(tmp_path / "t.gguf").startswith("The file holds a vocabulary and no weights.")


@pytest.mark.parametrize("told", [True, False])
def test_an_adapter_is_no_model(told: bool, tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "t.gguf", "llama")
    if told:
        writer.add_string("general.type", "adapter")
    writer.add_tensor("blk.0.attn_q.weight.lora_a", np.zeros((4, 64), np.float32))
    finish(writer)
    assert refusal(tmp_path / "t.gguf").startswith("The file is a LoRA adapter, no model.")


def test_a_projector_is_no_language_model(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "t.gguf", "clip")
    writer.add_string("general.type", "mmproj")
    finish(writer)
    assert refusal(tmp_path / "t.gguf") == (
        "general.type is 'mmproj', no language model. Use the file with the model."
    )


@pytest.mark.parametrize(("key", "value"), [("head_count", 5), ("head_count_kv", 0)])
def test_heads_that_no_model_has_are_one_line(key: str, value: int, tmp_path: Path) -> None:
    line = refusal(write_tiny_gguf(tmp_path / "t.gguf", "llama", keys={f"llama.attention.{key}": value}))
    assert line.startswith("transformers refuses the file's numbers as llama: ")


def test_the_attention_factor_that_transformers_names_is_the_whole_one(tmp_path: Path) -> None:
    keys = {"olmo2.rope.scaling.yarn_attn_factor": 1.2079441541679836}  # OLMo 3 says what 0.1 ln 8 + 1 is
    rope = config_of(imported(write_tiny_gguf(tmp_path / "t.gguf", "olmo3", keys=keys)))["rope_parameters"]
    assert rope["full_attention"]["attention_factor"] == pytest.approx(1.2079441541679836)


def test_stacked_tensors_of_unequal_types_keep_the_numbers_of_both(tmp_path: Path) -> None:
    gates = tiny_tensors("mixtral")["blk.0.ffn_gate_exps.weight"].astype(np.float16)
    file = write_tiny_gguf(tmp_path / "t.gguf", "mixtral", tensors={"blk.0.ffn_gate_exps.weight": gates})
    stored = load_file(imported(file) / "model.safetensors")
    both = stored["model.layers.0.mlp.experts.gate_up_proj"]
    assert both.dtype == torch.float32
    assert torch.equal(both[:, : gates.shape[1]], torch.tensor(gates, dtype=torch.float32))
    assert torch.equal(
        both[:, gates.shape[1] :], torch.tensor(tiny_tensors("mixtral")["blk.0.ffn_up_exps.weight"])
    )


def test_tensors_on_the_same_bytes_are_refused(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "t.gguf", "llama")
    data, name = file.read_bytes(), b"blk.1.ffn_up.weight"
    at = data.index(name) + len(name) + 4 + 2 * 8 + 4  # behind dimensions, two sizes and the type
    file.write_bytes(data[:at] + bytes(8) + data[at + 8 :])
    assert "overlap. Fetch it again." in refusal(file)


def test_weights_in_32_bit_stay_as_they_are(tmp_path: Path) -> None:
    folder = imported(write_tiny_gguf(tmp_path / "t.gguf", "qwen2"))
    stored, written = load_file(folder / "model.safetensors"), tiny_tensors("qwen2")
    assert torch.equal(stored["model.embed_tokens.weight"], torch.tensor(written["token_embd.weight"]))
    assert torch.equal(
        stored["model.layers.1.mlp.down_proj.weight"], torch.tensor(written["blk.1.ffn_down.weight"])
    )
    assert config_of(folder)["dtype"] == "float32"


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0"])
def test_weights_in_16_bit_stay_as_they_are_and_quantised_ones_become_bf16(kind: str, tmp_path: Path) -> None:
    write_quantized(tmp_path / "t.gguf", GGMLQuantizationType[kind])
    folder = imported(tmp_path / "t.gguf")
    stored = load_file(folder / "model.safetensors")["model.layers.0.mlp.up_proj.weight"]
    (tensor,) = (t for t in GGUFReader(tmp_path / "t.gguf").tensors if t.name == "blk.0.ffn_up.weight")
    from gguf.quants import dequantize

    numbers = torch.tensor(dequantize(np.array(tensor.data).view(np.uint8), tensor.tensor_type))
    dtype = torch.float16 if kind == "F16" else torch.bfloat16
    assert stored.dtype == dtype
    assert torch.equal(stored, numbers.view(stored.shape).to(dtype))
    assert config_of(folder)["dtype"] == ("float16" if kind == "F16" else "bfloat16")


def test_a_type_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "t.gguf", "llama")
    for kind, named in ((99, "number 99"), (GGMLQuantizationType.Q8_K, "Q8_K")):
        file.write_bytes(with_kind(file.read_bytes(), b"blk.1.ffn_up.weight", int(kind)))
        with pytest.raises(ModelError, match=rf"ffn_up.weight has quantisation type {named}, which"):
            import_gguf(file, tmp_path)


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "t.gguf", "llama")
    file.write_bytes(file.read_bytes()[:-4096])
    assert "t.gguf is cut off in" in refusal(file)


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    broken = np.ones(HIDDEN, np.float32)
    broken[7] = np.nan
    file = write_tiny_gguf(tmp_path / "t.gguf", "llama", tensors={"blk.1.ffn_norm.weight": broken})
    with pytest.raises(ModelError, match=r"blk.1.ffn_norm.weight holds NaN or infinity"):
        import_gguf(file, tmp_path)


def test_a_head_that_is_the_embedding_again_stays_tied(tmp_path: Path) -> None:
    same = {"output.weight": tiny_tensors("llama")["token_embd.weight"]}
    folder = imported(write_tiny_gguf(tmp_path / "same.gguf", "llama", tensors=same))
    assert config_of(folder)["tie_word_embeddings"] is True
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    other = {"output.weight": 2 * same["output.weight"]}
    folder = imported(write_tiny_gguf(tmp_path / "other.gguf", "llama", tensors=other))
    assert config_of(folder)["tie_word_embeddings"] is False
    assert torch.equal(
        load_file(folder / "model.safetensors")["lm_head.weight"], torch.tensor(other["output.weight"])
    )


def test_progress_counts_the_bytes_to_the_end(tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "t.gguf", "llama")
    seen: list[tuple[int, int]] = []
    (tmp_path / "t").mkdir()
    import_gguf(file, tmp_path / "t", lambda done, total: seen.append((done, total)))
    total = seen[0][1]
    assert total == 4 * sum(array.size for array in tiny_tensors("llama").values())
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert (seen[0][0], seen[-1]) == (0, (total, total))


def write_quantized(path: Path, kind: GGMLQuantizationType) -> None:
    """A Llama whose matrices are in a type of their own."""
    from gguf.quants import quantize

    plain = write_tiny_gguf(path.with_name("plain.gguf"), "llama")
    writer = GGUFWriter(path, "llama")
    for field in GGUFReader(plain).fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture")):
            sub = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub)
    for name, array in tiny_tensors("llama").items():
        if array.ndim == 2:
            writer.add_tensor(name, quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    finish(writer)


def with_kind(data: bytes, name: bytes, kind: int) -> bytes:
    """The file with another number for a tensor's type: behind its name, dimensions and two sizes."""
    at = data.index(name) + len(name) + 4 + 2 * 8
    return data[:at] + kind.to_bytes(4, "little") + data[at + 4 :]


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
