"""Small random GGUF files of every architecture that is imported, as llama.cpp itself loads them.

Sizes are unequal, so that a transposed or swapped tensor cannot fit, and numbers are large enough that a
wrong rope, mask or norm shows in the logits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

HIDDEN, HEADS, KV_HEADS, HEAD, FEED_FORWARD, EXPERTS, CONTEXT = 64, 4, 2, 16, 96, 4, 256
EXPERT_WIDTH = 32

Keys = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]

VARIANTS: dict[str, tuple[str, Keys]] = {
    "llama": ("llama", {}),
    "llama-wide-heads": ("llama", {"attention.key_length": 24, "attention.value_length": 24}),
    "llama-linear": ("llama", {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
    "llama-scaling-without-type": ("llama", {"rope.scaling.factor": 4.0}),
    "llama-without-freq-base": ("llama", {"rope.freq_base": None}),
    "llama3-rope": ("llama", {"rope.freq_base": 500000.0}),
    "llama-biases": ("llama", {}),
    "mixtral": ("llama", {"expert_count": EXPERTS, "expert_used_count": 2}),
    "granite": (
        "granite",
        {"attention.scale": 0.1, "embedding_scale": 3.0, "residual_scale": 0.5, "logit_scale": 2.0},
    ),
    "smollm3": ("smollm3", {"block_count": 5}),
    "ministral3": (
        "mistral3",
        {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": 64,
            "rope.scaling.yarn_beta_fast": 32.0,
            "rope.scaling.yarn_beta_slow": 1.0,
            "rope.scaling.yarn_log_multiplier": 1.0,
            "attention.temperature_scale": 0.1,
        },
    ),
    "qwen2": ("qwen2", {}),
    "qwen2-yarn": (
        "qwen2",
        {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": 64,
        },
    ),
    "qwen3": ("qwen3", {"attention.key_length": 24, "attention.value_length": 24}),
    "qwen3moe": (
        "qwen3moe",
        {
            "attention.key_length": 24,
            "attention.value_length": 24,
            "expert_count": EXPERTS,
            "expert_used_count": 2,
            "expert_feed_forward_length": EXPERT_WIDTH,
        },
    ),
    "gemma2": (
        "gemma2",
        {
            "attention.key_length": 24,
            "attention.value_length": 24,
            "attention.sliding_window": 8,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 3.0,
        },
    ),
    "gemma3": (
        "gemma3",
        {
            "block_count": 6,
            "attention.key_length": 24,
            "attention.value_length": 24,
            "attention.sliding_window": 8,
            "rope.freq_base": 1000000.0,
            "rope.scaling.type": "linear",
            "rope.scaling.factor": 8.0,
        },
    ),
    "phi3": ("phi3", {"rope.dimension_count": HEAD}),
    "phi3-partial": ("phi3", {"rope.dimension_count": 12}),
    "phi3-longrope": (
        "phi3",
        {
            "rope.dimension_count": 12,
            "rope.scaling.original_context_length": CONTEXT,
            "context_length": 4 * CONTEXT,
            "rope.scaling.attn_factor": 1.2,
        },
    ),
    "olmo2": ("olmo2", {}),
    "olmo3": (
        "olmo2",
        {
            "block_count": 4,
            "attention.sliding_window": 8,
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 8.0,
            "rope.scaling.original_context_length": 32,
            "rope.scaling.attn_factor": 1.0,
        },
    ),
    "lfm2": (
        "lfm2",
        {"block_count": 3, "attention.head_count_kv": [0, KV_HEADS, 0], "shortconv.l_cache": 3},
    ),
}
"""By a name of our own: the architecture, and its keys beside those of BASE; None takes a key away."""

BASE: Keys = {
    "context_length": CONTEXT,
    "embedding_length": HIDDEN,
    "block_count": 2,
    "feed_forward_length": FEED_FORWARD,
    "attention.head_count": HEADS,
    "attention.head_count_kv": KV_HEADS,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.freq_base": 10000.0,
}


def write_tiny_gguf(
    path: Path,
    variant: str,
    *,
    keys: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Any] | None = None,
) -> Path:
    """Write a variant in F32. keys (whole names) and tensors change it; None takes one away."""
    architecture, own = VARIANTS[variant]
    entries = {f"{architecture}.{key}": value for key, value in {**BASE, **own}.items()}
    entries |= vocabulary() | dict(keys or {})
    writer = GGUFWriter(path, architecture)
    for key, value in entries.items():
        if value is not None:
            _add(writer, key, value)
    for name, array in {**tiny_tensors(variant), **(tensors or {})}.items():
        if array is not None:
            writer.add_tensor(name, array)
    _finish(writer)
    return path


def split_gguf(whole: Path, name: str) -> list[Path]:
    """Two parts of a file, as llama.cpp splits one; name has a place for the number of the part."""
    reader = gguf.GGUFReader(whole)
    half = len(reader.tensors) // 2
    paths = [Path(name.format(number)) for number in (1, 2)]
    for number, (path, tensors) in enumerate(
        zip(paths, (reader.tensors[:half], reader.tensors[half:]), strict=True)
    ):
        writer = GGUFWriter(path, "llama")
        for field in reader.fields.values() if number == 0 else ():
            if not field.name.startswith(("GGUF.", "general.architecture")):
                kind = field.types[1] if len(field.types) > 1 else None
                writer.add_key_value(field.name, field.contents(), field.types[0], kind)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in tensors:
            writer.add_tensor(tensor.name, tensor.data)
        _finish(writer)
    return paths


def tiny_tensors(variant: str) -> dict[str, np.ndarray]:
    """The random tensors of a variant, the same at each call."""
    random = np.random.default_rng(0)
    return {name: _numbers(random, name, shape) for name, shape in _shapes(variant)} | _factors(variant)


def quantized(array: np.ndarray, kind: GGMLQuantizationType) -> np.ndarray:
    """A tensor's blocks in a quantised type, as GGUFWriter takes them with raw_dtype."""
    return gguf.quants.quantize(array, kind)


def vocabulary() -> Keys:
    """A byte-level vocabulary of three control tokens, 256 bytes and two merges."""
    tokens = ["<|end|>", "<|start|>", "<|pad|>", *_byte_alphabet(), "he", "ll"]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 3, 3] + [1] * (len(tokens) - 3),
        "tokenizer.ggml.merges": ["h e", "l l"],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
    }


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _shapes(variant: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    architecture, own = VARIANTS[variant]
    yield "token_embd.weight", (len(vocabulary()["tokenizer.ggml.tokens"]), HIDDEN)
    yield "token_embd_norm.weight" if architecture == "lfm2" else "output_norm.weight", (HIDDEN,)
    if variant in ("llama-biases", "mixtral", "phi3", "olmo2", "olmo3"):  # the others tie their output layer
        yield "output.weight", (len(vocabulary()["tokenizer.ggml.tokens"]), HIDDEN)
    for layer in range((BASE | own)["block_count"]):
        for name, shape in {
            **_mixing(variant, layer),
            **_feed_forward(variant),
            **_norms(architecture),
        }.items():
            yield f"blk.{layer}.{name}", shape


def _mixing(variant: str, layer: int) -> Shapes:
    """Attention, or what a layer has in its place."""
    own = VARIANTS[variant][1]
    if variant == "lfm2" and not own["attention.head_count_kv"][layer]:
        return {
            "shortconv.conv.weight": (HIDDEN, own["shortconv.l_cache"]),
            "shortconv.in_proj.weight": (3 * HIDDEN, HIDDEN),
            "shortconv.out_proj.weight": (HIDDEN, HIDDEN),
        }
    return _attention(variant, own.get("attention.key_length", HEAD))


def _attention(variant: str, head: int) -> Shapes:
    queries, keys = HEADS * head, KV_HEADS * head
    out: Shapes = {"attn_output.weight": (HIDDEN, queries)}
    if variant.startswith("phi3"):
        return {"attn_qkv.weight": (queries + 2 * keys, HIDDEN), **out}
    shapes: Shapes = {
        "attn_q.weight": (queries, HIDDEN),
        "attn_k.weight": (keys, HIDDEN),
        "attn_v.weight": (keys, HIDDEN),
        **out,
    }
    if variant == "llama-biases":
        shapes |= {"attn_output.bias": (HIDDEN,)}
    if variant == "llama-biases" or variant.startswith("qwen2"):
        shapes |= {"attn_q.bias": (queries,), "attn_k.bias": (keys,), "attn_v.bias": (keys,)}
    if variant.startswith("olmo"):
        shapes |= {"attn_q_norm.weight": (queries,), "attn_k_norm.weight": (keys,)}
    if variant.startswith(("qwen3", "gemma3", "lfm2")):
        shapes |= {"attn_q_norm.weight": (head,), "attn_k_norm.weight": (head,)}
    return shapes


def _feed_forward(variant: str) -> Shapes:
    if variant.startswith("phi3"):
        return {"ffn_up.weight": (2 * FEED_FORWARD, HIDDEN), "ffn_down.weight": (HIDDEN, FEED_FORWARD)}
    if variant in ("mixtral", "qwen3moe"):
        width = FEED_FORWARD if variant == "mixtral" else EXPERT_WIDTH
        return {
            "ffn_gate_inp.weight": (EXPERTS, HIDDEN),
            "ffn_gate_exps.weight": (EXPERTS, width, HIDDEN),
            "ffn_up_exps.weight": (EXPERTS, width, HIDDEN),
            "ffn_down_exps.weight": (EXPERTS, HIDDEN, width),
        }
    return {
        "ffn_gate.weight": (FEED_FORWARD, HIDDEN),
        "ffn_up.weight": (FEED_FORWARD, HIDDEN),
        "ffn_down.weight": (HIDDEN, FEED_FORWARD),
    }


def _norms(architecture: str) -> Shapes:
    before = ("attn_norm", "ffn_norm") if architecture != "olmo2" else ()
    behind = ("post_attention_norm", "post_ffw_norm") if architecture in ("gemma2", "gemma3", "olmo2") else ()
    return {f"{name}.weight": (HIDDEN,) for name in (*before, *behind)}


def _factors(variant: str) -> dict[str, np.ndarray]:
    """Factors by which rope frequencies are divided."""
    if variant == "llama3-rope":
        # 1 to 8 between wavelengths of 16 and 64 tokens
        wavelengths = 2 * np.pi * 500000.0 ** (np.arange(0, HEAD, 2) / HEAD)
        share = np.clip((64 / wavelengths - 1) / 3, 0, 1)
        return {"rope_freqs.weight": (1 / ((1 - share) / 8 + share)).astype(np.float32)}
    if variant == "phi3-longrope":
        steps = np.arange(6, dtype=np.float32)
        return {"rope_factors_short.weight": 1 + steps / 4, "rope_factors_long.weight": 2 + steps}
    return {}


def _numbers(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    numbers = random.normal(size=shape).astype(np.float32)
    if "norm" in name:
        return 1 + numbers / 4
    return numbers * (0.1 if name.startswith("token_embd") else 2.5 / np.sqrt(np.float32(shape[-1])))


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
