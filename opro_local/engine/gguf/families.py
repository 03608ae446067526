"""The architectures that are imported: what a GGUF file of each says in transformers' words.

llama.cpp's converters rename and rearrange; what they do to a family is undone here. A key that a family does
not ask for is refused by check_all_used, so a new variant cannot pass as an old one.
"""

from collections.abc import Callable, Mapping

from opro_local.engine.gguf.metadata import Config
from opro_local.engine.gguf.model import Conversion, GgufModel
from opro_local.errors import ModelError

OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

_LAYER = "model.layers.{}."

ATTENTION = {
    f"{_LAYER}self_attn.q_proj": "blk.{}.attn_q",
    f"{_LAYER}self_attn.k_proj": "blk.{}.attn_k",
    f"{_LAYER}self_attn.v_proj": "blk.{}.attn_v",
    f"{_LAYER}self_attn.o_proj": "blk.{}.attn_output",
}
QUERY_KEY_NORMS = {
    f"{_LAYER}self_attn.q_norm": "blk.{}.attn_q_norm",
    f"{_LAYER}self_attn.k_norm": "blk.{}.attn_k_norm",
}
FEED_FORWARD = {
    f"{_LAYER}mlp.gate_proj": "blk.{}.ffn_gate",
    f"{_LAYER}mlp.up_proj": "blk.{}.ffn_up",
    f"{_LAYER}mlp.down_proj": "blk.{}.ffn_down",
}
EXPERTS: dict[str, str | tuple[str, str]] = {
    f"{_LAYER}mlp.gate": "blk.{}.ffn_gate_inp",
    f"{_LAYER}mlp.experts.gate_up_proj": ("blk.{}.ffn_gate_exps", "blk.{}.ffn_up_exps"),
    f"{_LAYER}mlp.experts.down_proj": "blk.{}.ffn_down_exps",
}
NORMS = {
    f"{_LAYER}input_layernorm": "blk.{}.attn_norm",
    f"{_LAYER}post_attention_layernorm": "blk.{}.ffn_norm",
}
NORMS_BEHIND = {
    f"{_LAYER}post_attention_layernorm": "blk.{}.post_attention_norm",
    f"{_LAYER}post_feedforward_layernorm": "blk.{}.post_ffw_norm",
}
NORMS_AROUND = {
    f"{_LAYER}input_layernorm": "blk.{}.attn_norm",
    f"{_LAYER}pre_feedforward_layernorm": "blk.{}.ffn_norm",
    **NORMS_BEHIND,
}
LFM2: Mapping[str, str] = {
    "model.embed_tokens": "token_embd",
    "model.embedding_norm": "token_embd_norm",
    "lm_head": "output",
    f"{_LAYER}operator_norm": "blk.{}.attn_norm",
    f"{_LAYER}ffn_norm": "blk.{}.ffn_norm",
    f"{_LAYER}feed_forward.w1": "blk.{}.ffn_gate",
    f"{_LAYER}feed_forward.w3": "blk.{}.ffn_up",
    f"{_LAYER}feed_forward.w2": "blk.{}.ffn_down",
    f"{_LAYER}conv.conv": "blk.{}.shortconv.conv",
    f"{_LAYER}conv.in_proj": "blk.{}.shortconv.in_proj",
    f"{_LAYER}conv.out_proj": "blk.{}.shortconv.out_proj",
    f"{_LAYER}self_attn.q_proj": "blk.{}.attn_q",
    f"{_LAYER}self_attn.k_proj": "blk.{}.attn_k",
    f"{_LAYER}self_attn.v_proj": "blk.{}.attn_v",
    f"{_LAYER}self_attn.out_proj": "blk.{}.attn_output",
    f"{_LAYER}self_attn.q_layernorm": "blk.{}.attn_q_norm",
    f"{_LAYER}self_attn.k_layernorm": "blk.{}.attn_k_norm",
}
DENSE: Mapping[str, str] = {**OUTER, **ATTENTION, **FEED_FORWARD, **NORMS}
SPARSE: Mapping[str, str | tuple[str, str]] = {**OUTER, **ATTENTION, **EXPERTS, **NORMS}


def conversion(model: GgufModel) -> Conversion:
    """How this file becomes a transformers model. Raises ModelError for what is not understood."""
    make = FAMILIES.get(model.architecture)
    if make is None:
        raise ModelError(
            f"Architecture {model.architecture!r} is not imported from GGUF"
            f" (known: {', '.join(sorted(FAMILIES))}). Use the model's safetensors folder instead."
        )
    return make(model)


def _llama(model: GgufModel) -> Conversion:
    """Llama 1 to 3, Mistral, SmolLM2, and Mixtral, which has the same name."""
    if model.keys.integer("expert_count", 0):
        return _mixtral(model)
    model.keys.expect("expert_used_count", 0)
    config = model.dense_config() | {"rope_parameters": model.whole_rope(), **_biases(model)}
    return Conversion(model_type="llama", config=config, names=DENSE, interleaved=True)


def _experts_used(model: GgufModel) -> int:
    used, there = model.keys.integer("expert_used_count"), model.keys.integer("expert_count")
    if not 0 < used <= there:
        raise model.keys.refused("expert_used_count", f"there are {there} experts")
    return used


def _mixtral(model: GgufModel) -> Conversion:
    config = model.dense_config() | {
        "rope_parameters": model.whole_rope(),
        "num_local_experts": model.keys.integer("expert_count"),
        "num_experts_per_tok": _experts_used(model),
        "sliding_window": None,
    }
    return Conversion(model_type="mixtral", config=config, names=SPARSE, interleaved=True)


def _biases(model: GgufModel) -> Config:
    return {"attention_bias": model.has("attn_q.bias"), "mlp_bias": model.has("ffn_up.bias")}


def _granite(model: GgufModel) -> Conversion:
    """Llama with four multipliers; llama.cpp reads rope.scaling.finetuned as whether there is a rope."""
    keys = model.keys
    keys.expect("rope.scaling.finetuned", True)
    for key in ("attention.scale", "embedding_scale", "residual_scale", "logit_scale"):
        if keys.optional(key) == 0:
            raise keys.refused(key, "this value is not supported")  # llama.cpp takes 0 for none
    config = model.dense_config() | {
        "rope_parameters": model.whole_rope(),
        "attention_multiplier": keys.real("attention.scale", model.head_size**-0.5),
        "embedding_multiplier": keys.real("embedding_scale", 1.0),
        "residual_multiplier": keys.real("residual_scale", 1.0),
        "logits_scaling": keys.real("logit_scale", 1.0),
        **_biases(model),
    }
    del config["head_dim"]  # always hidden size / heads
    keys.expect("attention.key_length", config["hidden_size"] // config["num_attention_heads"])
    return Conversion(model_type="granite", config=config, names=DENSE, interleaved=True)


def _smollm3(model: GgufModel) -> Conversion:
    """Llama whose every fourth layer has no rope."""
    config = model.dense_config() | {"rope_parameters": model.whole_rope(), "no_rope_layer_interval": 4}
    return Conversion(model_type="smollm3", config=config | _biases(model), names=DENSE, interleaved=True)


def _ministral3(model: GgufModel) -> Conversion:
    """Llama with yarn, and queries that grow with the position."""
    keys, rope = model.keys, model.whole_rope()
    if rope["rope_type"] != "yarn":
        raise keys.refused("rope.scaling.type", "Ministral 3 has yarn scaling")
    rope["llama_4_scaling_beta"] = keys.real("attention.temperature_scale", 0.0)
    keys.expect("attention.temperature_length", rope["original_max_position_embeddings"])
    config = model.dense_config() | {"rope_parameters": rope, "sliding_window": None}
    return Conversion(model_type="ministral3", config=config, names=DENSE, interleaved=True)


def _qwen2(model: GgufModel) -> Conversion:
    config = model.dense_config() | {"rope_parameters": model.whole_rope(), "use_sliding_window": False}
    return Conversion(model_type="qwen2", config=config, names=DENSE)


def _qwen3(model: GgufModel) -> Conversion:
    config = model.dense_config() | {
        "rope_parameters": model.whole_rope(),
        "use_sliding_window": False,
        "attention_bias": model.has("attn_q.bias"),
    }
    return Conversion(model_type="qwen3", config=config, names={**DENSE, **QUERY_KEY_NORMS})


def _qwen3_moe(model: GgufModel) -> Conversion:
    keys = model.keys
    config = model.dense_config() | {
        "rope_parameters": model.whole_rope(),
        "use_sliding_window": False,
        "attention_bias": model.has("attn_q.bias"),
        "moe_intermediate_size": keys.integer("expert_feed_forward_length"),
        "num_experts": keys.integer("expert_count"),
        "num_experts_per_tok": _experts_used(model),
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }
    return Conversion(model_type="qwen3_moe", config=config, names={**SPARSE, **QUERY_KEY_NORMS})


def _gemma2(model: GgufModel) -> Conversion:
    keys = model.keys
    config = _gemma(model, large=46) | {
        "rope_parameters": model.whole_rope(),
        "attn_logit_softcapping": keys.real("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": keys.real("final_logit_softcapping", 30.0),
        "sliding_window": keys.integer("attention.sliding_window", 4096),
        "layer_types": _alternating(keys.integer("block_count"), period=2),
    }
    names = {**OUTER, **ATTENTION, **FEED_FORWARD, **NORMS_AROUND}
    return Conversion(model_type="gemma2", config=config, names=names, shifted_norms=True)


def _gemma3(model: GgufModel) -> Conversion:
    """Gemma 3 text models: layers with a window have a rope of their own, without scaling."""
    keys = model.keys
    local = {"rope_type": "default", "rope_theta": keys.real("rope.freq_base_swa", 10000.0)}
    config = _gemma(model, large=62) | {
        "rope_parameters": {"full_attention": model.whole_rope(), "sliding_attention": local},
        "final_logit_softcapping": keys.real("final_logit_softcapping", 0.0) or None,
        "sliding_window": keys.integer("attention.sliding_window"),
        "layer_types": _alternating(
            keys.integer("block_count"), period=keys.integer("attention.sliding_window_pattern", 6)
        ),
    }
    names = {**OUTER, **ATTENTION, **QUERY_KEY_NORMS, **FEED_FORWARD, **NORMS_AROUND}
    return Conversion(model_type="gemma3_text", config=config, names=names, shifted_norms=True)


def _gemma(model: GgufModel, *, large: int) -> Config:
    """What Gemma 2 and 3 share. The largest, known by its layers, scales queries by hidden size / heads."""
    config = model.dense_config()
    is_large = config["num_hidden_layers"] == large
    scalar = config["hidden_size"] // config["num_attention_heads"] if is_large else model.head_size
    return config | {"query_pre_attn_scalar": scalar}


def _alternating(layers: int, *, period: int) -> list[str]:
    """A layer that sees everything behind each period - 1 with a window."""
    return ["sliding_attention" if (layer + 1) % period else "full_attention" for layer in range(layers)]


def _phi3(model: GgufModel) -> Conversion:
    """Phi 3 and 4: q, k and v in one matrix, gate and up in another, as in transformers."""
    rope = model.rope()
    config = model.dense_config() | {
        "rope_parameters": rope,
        "original_max_position_embeddings": rope.get(
            "original_max_position_embeddings", model.keys.integer("context_length")
        ),
        "sliding_window": model.keys.integer("attention.sliding_window", 0) or None,
    }
    del config["head_dim"]  # always hidden size / heads
    model.keys.expect("attention.key_length", config["hidden_size"] // config["num_attention_heads"])
    names = {
        **OUTER,
        **NORMS,
        f"{_LAYER}self_attn.qkv_proj": "blk.{}.attn_qkv",
        f"{_LAYER}self_attn.o_proj": "blk.{}.attn_output",
        f"{_LAYER}mlp.gate_up_proj": "blk.{}.ffn_up",
        f"{_LAYER}mlp.down_proj": "blk.{}.ffn_down",
    }
    return Conversion(model_type="phi3", config=config, names=names)


def _olmo2(model: GgufModel) -> Conversion:
    """OLMo 2, and OLMo 3, whose layers with a window have no rope scaling."""
    keys, rope = model.keys, model.whole_rope()
    config = model.dense_config()
    del config["head_dim"]
    names = {**OUTER, **ATTENTION, **QUERY_KEY_NORMS, **FEED_FORWARD, **NORMS_BEHIND}
    window = keys.integer("attention.sliding_window", 0)
    if not window:
        return Conversion(model_type="olmo2", config=config | {"rope_parameters": rope}, names=names)
    local = {"rope_type": "default", "rope_theta": keys.real("rope.freq_base_swa", rope["rope_theta"])}
    config |= {
        "rope_parameters": {"full_attention": rope, "sliding_attention": local},
        "sliding_window": window,
        "layer_types": _alternating(
            config["num_hidden_layers"], period=keys.integer("attention.sliding_window_pattern", 4)
        ),
    }
    return Conversion(model_type="olmo3", config=config, names=names)


def _lfm2(model: GgufModel) -> Conversion:
    """LFM2: short convolutions, and attention in the layers that have key heads."""
    keys = model.keys
    key_heads = keys.integers("attention.head_count_kv", keys.integer("block_count"))
    if len(set(key_heads) - {0}) != 1:
        raise keys.refused("attention.head_count_kv", "its layers have none or one number of key heads")
    config = model.base_config(key_heads=max(key_heads)) | {
        "rope_parameters": model.whole_rope(),
        "norm_eps": keys.real("attention.layer_norm_rms_epsilon"),
        "intermediate_size": keys.integer("feed_forward_length"),
        "block_auto_adjust_ff_dim": False,
        "conv_L_cache": keys.integer("shortconv.l_cache"),
        "layer_types": ["full_attention" if heads else "conv" for heads in key_heads],
    }
    del config["head_dim"]
    keys.expect("attention.key_length", config["hidden_size"] // config["num_attention_heads"])
    return Conversion(model_type="lfm2", config=config, names=LFM2)


FAMILIES: Mapping[str, Callable[[GgufModel], Conversion]] = {
    "llama": _llama,
    "granite": _granite,
    "smollm3": _smollm3,
    "mistral3": _ministral3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "qwen3moe": _qwen3_moe,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "phi3": _phi3,
    "olmo2": _olmo2,
    "lfm2": _lfm2,
}
"""By the name of general.architecture."""
