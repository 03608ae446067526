"""Folders that are almost a model are refused in one line that names the cause, before weights are read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CONFIGS, LOADABLE, configured, save_tiny_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForSequenceClassification
from typed_transformers import from_config, packing

from opro_local.engine import load_engine
from opro_local.engine.profile import ModelProfile, profile_folder
from opro_local.errors import ModelError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders of tiny models by name, each made once and copied."""
    made = tmp_path_factory.mktemp("made")

    def copied(name: str) -> Path:
        if not (made / name).exists():
            save_tiny_model(made / name, name)
        copy = tmp_path_factory.mktemp("copies") / "tiny"
        shutil.copytree(made / name, copy)
        return copy

    return copied


Tiny = Callable[[str], Path]


def tried(folder: Path) -> ModelProfile:
    return profile_folder(folder, quantize="fp32", device="cpu")


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        tried(folder)
    assert "\n" not in str(caught.value)
    assert "report" not in str(caught.value)
    return str(caught.value)


def edit(file: Path, **entries: object) -> None:
    content = json.loads(file.read_text())
    content |= entries
    file.write_text(json.dumps({key: value for key, value in content.items() if value != "left out"}))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


Q = "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (f"{Q}.bias", [64]),  # attention_bias is off
        (f"{Q}.weight_scale", [1]),  # of FP8 weights, beside hf_quant_config.json mostly
        (f"{Q}.lora_A.weight", [4, 64]),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", [64, 4]),
        ("score.weight", [2, 64]),
        ("model.layers.3.mlp.up_proj.weight", [128, 64]),  # of one layer more than config.json has
        ("model.vision_tower.patch.weight", [8, 8]),
    ],
)
def test_a_tensor_that_the_model_does_not_take_is_refused(tiny: Tiny, name: str, shape: list[int]) -> None:
    folder = tiny("llama")
    change_weights(folder, lambda weights: weights.update({name: torch.ones(shape)}))
    assert f"1 tensor is unknown to LlamaForCausalLM, {name} first" in refusal(folder)


def test_a_missing_and_a_misshapen_tensor_are_named(tiny: Tiny) -> None:
    folder = tiny("llama")
    change_weights(folder, lambda weights: weights.pop(f"{Q}.weight"))
    assert f"1 tensor is missing from the weights of LlamaForCausalLM, {Q}.weight first" in refusal(folder)
    folder = tiny("llama")
    edit(folder / "config.json", vocab_size=280)
    said = refusal(folder)
    assert "2 tensors are of another shape than in LlamaForCausalLM, lm_head.weight first" in said


@pytest.mark.parametrize(
    "name", ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"]
)
def test_what_a_model_computes_itself_may_be_stored(tiny: Tiny, name: str) -> None:
    folder = tiny("llama")
    change_weights(folder, lambda weights: weights.update({name: torch.ones(8)}))
    tried(folder)


def test_a_weight_of_whole_numbers_is_refused(tiny: Tiny) -> None:
    folder = tiny("llama")
    change_weights(folder, lambda weights: weights.update({f"{Q}.weight": weights[f"{Q}.weight"].int()}))
    assert f"{Q}.weight is stored in I32, and config.json names no quantisation" in refusal(folder)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named_as_the_cause(tiny: Tiny, number: float) -> None:
    folder = tiny("llama")
    change_weights(folder, lambda weights: weights["model.layers.1.mlp.up_proj.weight"].fill_(number))
    with pytest.raises(ModelError, match="gives NaN or infinity: its weights or"):
        load_engine(folder, digest="x", quantize="fp32", device="cpu")


def test_weights_that_are_all_zero_are_no_model(tiny: Tiny) -> None:
    folder = tiny("llama")
    change_weights(folder, lambda weights: [weight.zero_() for weight in weights.values()])
    with pytest.raises(ModelError, match="finds every token equally likely: its weights are empty"):
        load_engine(folder, digest="x", quantize="fp32", device="cpu")


def test_the_masks_of_early_gpts_may_be_stored(tiny: Tiny) -> None:
    folder = tiny("gpt2")
    mask = torch.ones(1, 1, 16384, 1, dtype=torch.uint8)
    change_weights(folder, lambda weights: weights.update({"transformer.h.0.attn.bias": mask}))
    change_weights(
        folder, lambda weights: weights.update({"transformer.h.1.attn.masked_bias": torch.ones(1)})
    )
    tried(folder)
    change_weights(
        folder, lambda weights: weights.update({"transformer.h.0.attn.c_attn.scale": torch.ones(1)})
    )
    assert "unknown to GPT2LMHeadModel" in refusal(folder)


def test_tensors_without_the_outer_name_are_read_but_not_both(tiny: Tiny) -> None:
    folder = tiny("gpt2")

    def bare(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            weights[name.removeprefix("transformer.")] = weights.pop(name)

    change_weights(folder, bare)
    tried(folder)
    change_weights(
        folder, lambda weights: weights.update({"transformer.wte.weight": weights["wte.weight"] + 1})
    )
    assert "wte.weight is stored twice, as transformer.wte.weight too" in refusal(folder)


def test_a_tied_head_may_be_stored_if_it_is_the_embedding(tiny: Tiny) -> None:
    folder = tiny("gemma3")
    embedding = "model.embed_tokens.weight"
    change_weights(folder, lambda weights: weights.update({"lm_head.weight": weights[embedding].clone()}))
    tried(folder)
    change_weights(folder, lambda weights: weights.update({"lm_head.weight": weights[embedding] + 1}))
    assert (
        "config.json ties lm_head.weight to model.embed_tokens.weight, the files hold different"
        in refusal(folder)
    )


def test_experts_stored_one_by_one_are_understood(tmp_path: Path, tiny: Tiny) -> None:
    from transformers import MixtralConfig

    config = MixtralConfig(
        **{
            key: value
            for key, value in CONFIGS["llama"](LOADABLE).to_dict().items()
            if key
            in (
                "vocab_size",
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "head_dim",
                "intermediate_size",
                "max_position_embeddings",
            )
        },
        num_local_experts=3,
    )
    folder = tiny("llama")
    from_config(config).save_pretrained(folder)
    names = load_file(folder / "model.safetensors")
    assert any("experts.2.w1.weight" in name for name in names)
    tried(folder)
    change_weights(folder, lambda weights: weights.pop("model.layers.1.block_sparse_moe.experts.2.w1.weight"))
    refusal(folder)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"model_type": "no-such-model"}, "no-such-model"),
        ({"model_type": "left out", "architectures": "left out"}, "model_type"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"hidden_size": 66, "head_dim": "left out"}, "not a multiple of the number of attention heads"),
        ({"rope_parameters": {"rope_type": "no-such-rope", "rope_theta": 1e4}}, "no-such-rope"),
        ({"hidden_act": "no-such-act"}, "no-such-act"),
        ({"num_attention_heads": 0}, "num_attention_heads 0"),
        ({"num_key_value_heads": 0}, "num_key_value_heads 0"),
        ({"num_attention_heads": 4, "num_key_value_heads": 3}, "4 attention heads for 3 key-value heads"),
        (
            {"architectures": ["LlamaForSequenceClassification"]},
            "LlamaForSequenceClassification is no causal",
        ),
        ({"model_type": "t5", "is_encoder_decoder": True}, "an encoder and a decoder"),
        ({"dtype": "float17"}, "float17"),
        ({"num_local_experts": 4, "num_experts_per_tok": 9}, "num_experts_per_tok 9 of 4 experts"),
        ({"num_experts": 4, "num_experts_per_tok": 0}, "num_experts_per_tok 0 of 4 experts"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": float("nan")}}, "rope_theta nan"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": float("inf")}}, "rope_theta inf"),
        ({"max_position_embeddings": 0}, "max_position_embeddings 0"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 0}}, "rope_theta 0"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "factor"),
        ({"text_config": {"hidden_size": 3}}, "'dict' object has no attribute"),
        ({"pad_token_id": 999}, "Padding_idx must be within num_embeddings"),
        ({"layer_types": ["full_attention"]}, "`layer_types`"),
    ],
)
def test_a_configuration_that_no_model_has_is_refused(
    tiny: Tiny, entries: dict[str, object], said: str
) -> None:
    folder = tiny("llama")
    edit(folder / "config.json", **entries)
    assert said in refusal(folder)


def test_a_classifier_is_refused(tiny: Tiny) -> None:
    folder = tiny("llama")
    config = configured(LlamaConfig, CONFIGS["llama"](LOADABLE).to_dict(), tie_word_embeddings=True)
    classifier: Any = LlamaForSequenceClassification  # its __init__ has no annotations
    classifier(config).save_pretrained(folder)
    assert "score.weight" in refusal(folder) or "no causal language model" in refusal(folder)


def test_a_model_that_looks_both_ways_is_refused(tiny: Tiny) -> None:
    from transformers import BertConfig, BertForMaskedLM

    folder = tiny("llama")
    config = BertConfig(
        vocab_size=288, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertForMaskedLM(config).save_pretrained(folder)
    assert "BertForMaskedLM is no causal language model" in refusal(folder)
    edit(folder / "config.json", architectures="left out")
    assert "is no causal language model" in refusal(folder)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ messages[0]['content'] + 1 }}", "TypeError"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{% for m in messages %}{{ m.content }}", "Unexpected end of template"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ nobody.knows.this }}", "undefined"),
        ("{{ raise_exception('never mind') }}", "never mind"),
        ("{{ messages | no_such_filter }}", "no_such_filter"),
        ("{{ messages[5].content }}", "has no"),
        ("{% include '/etc/hostname' %}", "no loader"),
        ("hello", "leaves out the words of the user"),
        (
            "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
            "left out",
        ),
        (
            "{% for m in messages %}{% if m.role == 'user' %}{% for part in m.content %}{{ part.text }}"
            "{% endfor %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
            "leaves out the words of the user",
        ),
    ],
)
def test_a_template_that_fails_is_refused_with_its_own_words(tiny: Tiny, template: str, said: str) -> None:
    folder = tiny("llama")
    (folder / "chat_template.jinja").write_text(template)
    assert refusal(folder).startswith("tiny: its chat template ")
    assert said in refusal(folder)


def test_templates_by_name_need_a_default(tiny: Tiny) -> None:
    folder = tiny("llama")
    right = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    named = [{"name": "rag", "template": right}, {"name": "tool_use", "template": right}]
    edit(folder / "tokenizer_config.json", chat_template=named)
    assert "of its chat templates (rag, tool_use) none is the default" in refusal(folder)
    edit(folder / "tokenizer_config.json", chat_template=[*named, {"name": "default", "template": right}])
    tried(folder)
    edit(folder / "tokenizer_config.json", chat_template="left out")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text(right)
    assert "of its chat templates (rag) none is the default" in refusal(folder)


def add_token(folder: Path, content: str, *, special: bool, index: int = 288) -> None:
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer["added_tokens"].append({"id": index, "content": content, "special": special, **flags})
    tokenizer["model"]["vocab"] |= {f"filler{i}": i for i in range(260, index)}
    file.write_text(json.dumps(tokenizer))


def test_a_token_that_texts_may_hold_needs_an_embedding(tiny: Tiny) -> None:
    folder = tiny("llama")
    add_token(folder, "<|tool|>", special=False)
    assert "the token '<|tool|>' has the id 288, but the embedding has 288 rows (ids 0 to 287)" in refusal(
        folder
    )


def test_a_control_token_that_no_prompt_holds_needs_none(tiny: Tiny) -> None:
    folder = tiny("llama")
    add_token(folder, "<|image|>", special=True)  # Gemma 3's text models have one
    tried(folder)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text("<|image|>" + template)
    assert "its chat template writes '<|image|>', id 288, but the embedding has 288 rows" in refusal(folder)


@pytest.mark.parametrize("name", ["eos_token", "bos_token"])
def test_the_ends_of_a_text_need_an_embedding(tiny: Tiny, name: str) -> None:
    folder = tiny("llama")
    add_token(folder, "<|outer|>", special=True)
    edit(folder / "tokenizer_config.json", **{name: "<|outer|>"})
    assert "token has the id 288, but the embedding has 288 rows" in refusal(folder)


def test_an_end_that_generation_config_names_needs_one(tiny: Tiny) -> None:
    folder = tiny("llama")
    edit(folder / "generation_config.json", eos_token_id=[5, 300])
    assert "its end token has the id 300" in refusal(folder)
    edit(folder / "generation_config.json", eos_token_id="</s>")
    assert "its end token is '</s>', which is no id" in refusal(folder)
    edit(folder / "generation_config.json", eos_token_id=0, max_new_tokens="many")
    assert "cannot be loaded" in refusal(folder)


def stored_packed(folder: Path, kind: str) -> None:
    settings = (
        packing(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=True)
        if kind != "int8"
        else packing(load_in_8bit=True, llm_int8_threshold=0.0)
    )
    model = AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=settings, dtype=torch.bfloat16, device_map={"": "cpu"}
    )
    model.save_pretrained(folder)


@pytest.mark.parametrize(
    ("kind", "part"), [("nf4", "weight.absmax"), ("fp4", "weight.quant_map"), ("int8", "SCB")]
)
def test_packed_weights_are_compared_in_their_own_shapes(tiny: Tiny, kind: str, part: str) -> None:
    folder = tiny("llama")
    dense = tried(folder).folder.parameters
    stored_packed(folder, kind)
    assert tried_packed(folder).folder.stored == kind
    assert tried_packed(folder).folder.parameters == dense
    edit(folder / "config.json", intermediate_size=64)
    with pytest.raises(ModelError, match=r"of another shape than in LlamaForCausalLM, model.layers.0.mlp"):
        tried_packed(folder)
    change_weights(folder, lambda weights: weights.pop(f"{Q}.{part}"))
    with pytest.raises(ModelError, match=rf"{Q}.{part} is missing beside"):
        tried_packed(folder)


def tried_packed(folder: Path) -> ModelProfile:
    return profile_folder(folder, quantize="auto", device="cpu")
