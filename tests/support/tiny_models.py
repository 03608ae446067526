"""Small random models that behave like real ones: sharp logits, a tokenizer, a folder that loads.

Matrices are multiplied by 5, so that logits reach 3: with the usual start a wrong mask changes hardly
anything, and a test against it proves nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    Cohere2Config,
    Gemma2Config,
    Gemma3TextConfig,
    Gemma4TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)
from typed_transformers import fast_tokenizer, from_config

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
SPECIAL = ("<pad>", "<|bos|>", "<|start|>", "<|end|>")
BYTES = 256
VOCABULARY = 288
"""Bytes, specials and spare ids; a multiple of 32, which 4-bit layers need."""


C = TypeVar("C", bound=PreTrainedConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Dimensions shared by all architectures."""

    vocabulary: int = 97
    hidden: int = 48
    heads: int = 6
    layers: int = 3
    context: int = 512


NUMERIC = Size()
"""Odd sizes for numerical tests."""

LOADABLE = Size(vocabulary=VOCABULARY, hidden=64, heads=4, context=16384)
"""Sizes for folders: the tokenizer's ids fit, and so do 4-bit blocks."""


def _common(size: Size) -> dict[str, object]:
    return {
        "vocab_size": size.vocabulary,
        "hidden_size": size.hidden,
        "intermediate_size": 2 * size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "max_position_embeddings": size.context,
    }


def _grouped(size: Size) -> dict[str, object]:
    return _common(size) | {"num_key_value_heads": 2, "head_dim": size.hidden // size.heads}


def configured(kind: type[C], settings: Mapping[str, object], **own: object) -> C:
    """A configuration of an architecture from settings that several share, and its own."""
    return kind.from_dict({**settings, **own})


def _gemma3(size: Size, window: int) -> PreTrainedConfig:
    # Fewer than six layers have no full attention among them.
    return configured(Gemma3TextConfig, _grouped(size), num_hidden_layers=6, sliding_window=window)


def gemma4(**settings: object) -> PreTrainedConfig:
    """Heads of 8 and 16, the last layers with keys and values of earlier ones, embeddings a layer."""
    own: dict[str, object] = {
        "vocab_size_per_layer_input": NUMERIC.vocabulary,
        "hidden_size_per_layer_input": 8,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 2,
        "num_hidden_layers": 6,
        "sliding_window": 8,
        "global_head_dim": 16,
        "num_global_key_value_heads": 1,
        "attention_k_eq_v": True,
        "num_kv_shared_layers": 2,
        "final_logit_softcapping": 30.0,
    }
    return configured(Gemma4TextConfig, _grouped(NUMERIC) | own | settings)


CONFIGS: dict[str, Callable[[Size], PreTrainedConfig]] = {
    "llama": lambda size: configured(LlamaConfig, _grouped(size)),
    "mistral": lambda size: configured(MistralConfig, _grouped(size), sliding_window=64),
    "mistral-window-8": lambda size: configured(MistralConfig, _grouped(size), sliding_window=8),
    "qwen2": lambda size: configured(Qwen2Config, _common(size), num_key_value_heads=2),
    "qwen2-window-8": lambda size: configured(
        Qwen2Config,
        _common(size),
        num_key_value_heads=2,
        use_sliding_window=True,
        sliding_window=8,
        max_window_layers=1,
    ),
    "qwen3": lambda size: configured(Qwen3Config, _grouped(size)),
    "gemma3": lambda size: _gemma3(size, 64),
    "gemma3-window-8": lambda size: _gemma3(size, 8),
    "gemma2-window-8": lambda size: configured(
        Gemma2Config,
        _grouped(size),
        sliding_window=8,
        query_pre_attn_scalar=8,
        attn_logit_softcapping=20.0,
        final_logit_softcapping=3.0,
    ),
    "phi3": lambda size: configured(Phi3Config, _common(size), num_key_value_heads=2, pad_token_id=0),
    "gpt2": lambda size: GPT2Config(
        vocab_size=size.vocabulary,
        n_embd=size.hidden,
        n_layer=size.layers,
        n_head=size.heads,
        n_positions=size.context,
    ),
    "gpt-neox": lambda size: configured(GPTNeoXConfig, _common(size)),
    "cohere2-window-8": lambda size: configured(
        Cohere2Config, _grouped(size), sliding_window=8, logit_scale=0.25
    ),
    "granite": lambda size: configured(
        GraniteConfig, _common(size), num_key_value_heads=2, logits_scaling=2.0
    ),
    "mamba": lambda size: MambaConfig(
        vocab_size=size.vocabulary, hidden_size=size.hidden, num_hidden_layers=size.layers, state_size=8
    ),
}


def tiny_model(name: str, *, size: Size = NUMERIC, seed: int = 0) -> PreTrainedModel:
    """A random fp32 model of the architecture, the same for the same seed."""
    return random_model(CONFIGS[name](size), seed=seed)


def random_model(config: PreTrainedConfig, *, seed: int = 0) -> PreTrainedModel:
    """A random fp32 model of a configuration, its matrices and experts made large."""
    config.bos_token_id, config.eos_token_id, config.pad_token_id = None, None, 0
    attention = "eager" if getattr(config, "attn_logit_softcapping", None) else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = from_config(config, attention=attention)
    for weight in model.parameters():
        if weight.dim() >= 2:
            weight.data *= 5
    model.train(False)
    return model


def without_numbers(model: PreTrainedModel, token: int) -> None:
    """Make a Llama give nan wherever it reads token."""
    model.get_parameter("model.embed_tokens.weight").data[token] = math.nan


def byte_tokenizer(*, chat: bool = True, start: bool = False) -> PreTrainedTokenizerFast:
    """A token a byte, then the specials; with a chat template, or a start token ahead of every text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = fast_tokenizer(backend, pad_token=SPECIAL[0], bos_token=SPECIAL[1], eos_token=SPECIAL[3])
    tokenizer.add_special_tokens({"additional_special_tokens": [SPECIAL[2]]})
    if start:
        first = (SPECIAL[1], tokenizer.bos_token_id)
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{SPECIAL[1]} $A", special_tokens=[first]
        )
    if chat:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tiny_model(
    folder: Path, name: str, *, chat: bool = True, seed: int = 0, size: Size = LOADABLE
) -> Path:
    """Write a folder that load_engine and the catalogue take: weights, config, tokenizer."""
    tokenizer = byte_tokenizer(chat=chat)
    model = tiny_model(name, size=size, seed=seed)
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
