"""Whether the tensors of a folder are those of its model: each one used, none made up, all of a right shape.

transformers fills what is missing with random numbers, drops what it does not know, and only logs it. Names
and shapes are tried on torch's meta device, by the code that loads: what it renames and joins is understood.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from opro_local.catalogue.safetensors_header import StoredTensor
from opro_local.catalogue.weights import PACKING, stored_tensors
from opro_local.engine.faults import loading
from opro_local.errors import ModelError

_KINDS = {
    "missing_keys": "missing from the weights of",
    "mismatched_keys": "of another shape than in",
    "unexpected_keys": "unknown to",
}


def check_tensors(folder: Path, skeleton: PreTrainedModel) -> None:
    """Compare the files' headers with the model on the meta device. Raises ModelError in one line."""
    stored = stored_tensors(folder)
    _check_unique(folder, stored, skeleton.base_model_prefix)
    tried: PreTrainedModel
    report: dict[str, set[Any]]
    config = skeleton.config.__class__.from_dict(skeleton.config.to_dict())
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with loading(folder, part=f"weights as {type(skeleton).__name__}"):
        tried, report = type(skeleton).from_pretrained(  # type: ignore[misc]
            None,
            config=config,
            state_dict=_shapes(folder, stored),
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    check_report(folder, tried, report)
    _check_tied(folder, tried, stored)


def check_report(folder: Path, model: PreTrainedModel, report: Mapping[str, Iterable[Any]]) -> None:
    """Raise ModelError where loading has left a tensor out, made one up or found another shape.

    report is the loading info of from_pretrained. Buffers that the model computes itself may be stored.
    """
    computed = {name for name, _ in model.named_buffers()}
    for kind, said in _KINDS.items():
        keys = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report[kind])
        if kind == "unexpected_keys":
            keys = [key for key in keys if not _is_computed(key, computed)]
        if keys:
            number = "1 tensor is" if len(keys) == 1 else f"{len(keys)} tensors are"
            raise ModelError(
                f"{folder.name}: {number} {said} {type(model).__name__}, {keys[0]} first."
                " The files are not this model, no more and no less: copy it again, or correct config.json."
            )


def _is_computed(key: str, buffers: Iterable[str]) -> bool:
    """Whether a key names a buffer of the model, or the constant that GPT-2 once masked with."""
    return key.endswith(".attn.masked_bias") or any(f".{key}".endswith(f".{name}") for name in buffers)


def _check_unique(folder: Path, stored: Mapping[str, StoredTensor], prefix: str) -> None:
    for name in stored:
        if prefix and f"{prefix}.{name}" in stored:
            raise ModelError(
                f"{folder.name}: {name} is stored twice, as {prefix}.{name} too. Keep the right one."
            )


def _shapes(folder: Path, stored: Mapping[str, StoredTensor]) -> dict[str, torch.Tensor]:
    """Dense tensors without memory; of what bitsandbytes packed, the shape that it had before."""
    shapes = {}
    for name, tensor in stored.items():
        if not PACKING.search(name):
            shape = _unpacked(folder, name, stored) or tensor.shape
            kind = torch.bfloat16 if f"{name}.absmax" in stored else _TYPES.get(tensor.dtype, torch.bfloat16)
            shapes[name] = torch.empty(shape, dtype=kind, device="meta")
    return shapes


_TYPES = {
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "BOOL": torch.bool,
    "I64": torch.int64,
}


def _unpacked(folder: Path, name: str, stored: Mapping[str, StoredTensor]) -> tuple[int, ...] | None:
    """The shape of a 4-bit weight, which its quant_state tells."""
    for kind in ("nf4", "fp4"):
        if state := stored.get(f"{name}.quant_state.bitsandbytes__{kind}"):
            with safe_open(folder / state.file, framework="pt") as file:
                text = bytes(file.get_tensor(f"{name}.quant_state.bitsandbytes__{kind}").tolist())
            return tuple(json.loads(text)["shape"])
    return None


def _check_tied(folder: Path, model: PreTrainedModel, stored: Mapping[str, StoredTensor]) -> None:
    """Raise ModelError where the files hold two different tensors that config.json says to be one."""
    for copy, source in getattr(model, "all_tied_weights_keys", {}).items():
        first, second = _found(copy, stored), _found(source, stored)
        if first and second and not torch.equal(_read(folder, first, stored), _read(folder, second, stored)):
            raise ModelError(
                f"{folder.name}: config.json ties {first} to {second}, the files hold different numbers."
                ' Set "tie_word_embeddings" to false, or copy the model again.'
            )


def _found(name: str, stored: Mapping[str, StoredTensor]) -> str | None:
    """The name under which the files hold a weight of the model: with or without its outer parts."""
    parts = name.split(".")
    return next((end for end in (".".join(parts[i:]) for i in range(len(parts) - 1)) if end in stored), None)


def _read(folder: Path, name: str, stored: Mapping[str, StoredTensor]) -> torch.Tensor:
    with safe_open(folder / stored[name].file, framework="pt") as file:
        tensor: torch.Tensor = file.get_tensor(name)
    return tensor
