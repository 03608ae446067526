"""Whether the sizes that config.json tells can be those of the weights, before anything is built by them.

A layer or an expert too many costs seconds and memory even where tensors have none.
"""

from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

from opro_local.catalogue.configuration import entries, read_json
from opro_local.catalogue.safetensors_header import StoredTensor
from opro_local.errors import ModelError

MOST_LAYERS = 1_000
"""The deepest published models have 126."""

_LAYERS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "encoder_layers",
    "decoder_layers",
    "depth",
)
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
"""Keys that tell how many experts there are."""

_WIDTHS = (
    "vocab_size",
    "hidden_size",
    "n_embd",
    "d_model",
    "intermediate_size",
    "moe_intermediate_size",
    "num_attention_heads",
    "n_head",
    "num_key_value_heads",
    "head_dim",
)
_LENGTHS = ("max_position_embeddings", "n_positions", "rope_theta")
_WINDOWS = ("sliding_window", "attention_chunk_size")


def check_sizes(folder: Path, tensors: Mapping[str, StoredTensor]) -> None:
    """Raise ModelError for sizes that no model has, and for more than the headers of the weights hold."""
    config = read_json(folder / "config.json")
    for part in (config, *(value for _, value in entries(config) if isinstance(value, dict))):
        _check_positive(folder, part)
        _check_experts(folder, part)
        _check_heads(folder, part)
        _check_held(folder, part, tensors)


def _sizes(part: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, int | float]]:
    """What is a number under these keys."""
    for key in keys:
        size = part.get(key)
        if isinstance(size, int | float) and not isinstance(size, bool):
            yield key, size


def _check_positive(folder: Path, part: Mapping[str, Any]) -> None:
    for key, size in _sizes(part, ("num_hidden_layers", *_WIDTHS, *_LENGTHS)):
        if not 0 < size < inf:
            raise _no_model(folder, f"{key} {size}")
    for key in _WINDOWS:
        if not isinstance(part.get(key), int | float | None):
            raise _no_model(folder, f"a {key} that is no number")


def _check_experts(folder: Path, part: Mapping[str, Any]) -> None:
    used, experts = part.get("num_experts_per_tok"), next(filter(None, map(part.get, EXPERTS)), None)
    if isinstance(used, int) and isinstance(experts, int) and not 0 < used <= experts:
        raise _no_model(folder, f"num_experts_per_tok {used} of {experts} experts")


def _check_heads(folder: Path, part: Mapping[str, Any]) -> None:
    heads, shared = part.get("num_attention_heads"), part.get("num_key_value_heads")
    if isinstance(heads, int) and isinstance(shared, int) and (not shared or heads % shared):
        raise ModelError(
            f"{folder.name}: config.json has {heads} attention heads for {shared} key-value heads."
        )


def _check_held(folder: Path, part: Mapping[str, Any], tensors: Mapping[str, StoredTensor]) -> None:
    """A layer has a tensor of its own at least; no width exceeds the numbers of the largest tensor."""
    largest = 2 * max(tensor.elements for tensor in tensors.values())  # a byte may be two 4-bit numbers
    bounds = ((_LAYERS, min(MOST_LAYERS, len(tensors))), ((*_WIDTHS, *EXPERTS), largest))
    for keys, most in bounds:
        for key, size in _sizes(part, keys):
            if size > most:
                raise ModelError(
                    f"{folder.name}: config.json has {key} {size:.6g}, its weights hold {most} at most."
                    " Take both from one model."
                )


def _no_model(folder: Path, what: str) -> ModelError:
    return ModelError(f"{folder.name}: config.json has {what}; no model has that.")
