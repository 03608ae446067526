"""What the tests call of transformers that comes without types, or with wrong ones."""

from typing import Any

from tokenizers import Tokenizer
from torch import device, dtype, nn
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

UNTYPED: Any = AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedTokenizerFast
"""The way in of each has no annotations; what comes out is checked below."""


def from_config(config: PreTrainedConfig, *, attention: str | None = None) -> PreTrainedModel:
    """A causal language model with fresh weights."""
    model = UNTYPED[0].from_config(config, attn_implementation=attention)
    assert isinstance(model, PreTrainedModel)
    return model


def packing(**settings: object) -> BitsAndBytesConfig:
    found = UNTYPED[1](**settings)
    assert isinstance(found, BitsAndBytesConfig)
    return found


def fast_tokenizer(backend: Tokenizer, **special: str) -> PreTrainedTokenizerFast:
    tokenizer = UNTYPED[2](tokenizer_object=backend, **special)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


def moved(model: PreTrainedModel, to: dtype | device) -> PreTrainedModel:
    """model in another type or place; the wrapper around PreTrainedModel.to takes another self."""
    return nn.Module.to(model, to)


def generated(model: PreTrainedModel, **asked: object) -> list[list[int]]:
    """The ids of each row, prompts included; only the classes of single models have generate."""
    generate: Any = model.generate
    found: list[list[int]] = generate(**asked).tolist()
    return found
