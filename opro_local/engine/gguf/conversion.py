"""From a GGUF file to a transformers folder: config.json, the weights, the tokenizer."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from opro_local.catalogue.gguf_header import GgufHeader, Value
from opro_local.catalogue.gguf_parts import read_gguf
from opro_local.engine.faults import cause
from opro_local.engine.gguf.families import conversion
from opro_local.engine.gguf.metadata import Config
from opro_local.engine.gguf.model import HARMLESS, Conversion, GgufModel
from opro_local.engine.gguf.tokenizer import write_tokenizer
from opro_local.engine.gguf.weights import Weight, main_dtype, plan_weights
from opro_local.engine.gguf.writing import write_safetensors
from opro_local.errors import ModelError

Progress = Callable[[int, int], None]
"""Told bytes written and bytes to write."""

_END_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")


def unwatched(done: int, total: int) -> None:
    """Nobody is told."""


def import_gguf(file: Path, target: Path, progress: Progress = unwatched) -> None:
    """Write the model of a GGUF file, or of all its parts, into the folder target.

    Weights in 32 or 16 bit stay as they are, quantised ones become bf16. Raises ModelError, before anything
    is written, for a file that is not understood whole.
    """
    header = read_gguf(file)
    _check_is_model(header)
    model = GgufModel(header)
    how = conversion(model)
    model.keys.check_all_used(HARMLESS)
    skeleton = _skeleton(how, header.metadata)
    weights = plan_weights(model, how, skeleton)
    _write_config(target, skeleton, main_dtype(weights))
    write_tokenizer(header.metadata, target, context_length=how.config["max_position_embeddings"])
    write_safetensors(
        target / "model.safetensors", [weight.slot for weight in weights], _watched(weights, progress)
    )


def _check_is_model(header: GgufHeader) -> None:
    kind = header.text("general.type") or "model"
    if kind == "adapter" or any(tensor.name.endswith((".lora_a", ".lora_b")) for tensor in header.tensors):
        raise ModelError("The file is a LoRA adapter, no model. Merge it into its base model first.")
    if kind != "model":
        raise ModelError(f"general.type is {kind[:40]!r}, no language model. Use the file with the model.")
    if not header.tensors:
        raise ModelError("The file holds a vocabulary and no weights. Use the file with the model.")


def _skeleton(how: Conversion, metadata: Mapping[str, Value]) -> PreTrainedModel:
    """The model without numbers. Raises ModelError where transformers refuses the configuration."""
    try:
        config: PretrainedConfig = AutoConfig.for_model(
            how.model_type, **how.config, **_special_ids(metadata, how.config["vocab_size"])
        )
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except Exception as error:  # libraries raise anything
        raise ModelError(
            f"transformers refuses the file's numbers as {how.model_type}: {cause(error)}"
            " Use the model's safetensors folder instead."
        ) from error
    return model


def _special_ids(metadata: Mapping[str, Value], vocabulary: int) -> Config:
    ends = [found for key in _END_KEYS if (found := _token_id(metadata, key, vocabulary)) is not None]
    return {
        "bos_token_id": _token_id(metadata, "bos_token_id", vocabulary),
        "eos_token_id": list(dict.fromkeys(ends)) or None,
        "pad_token_id": _token_id(metadata, "padding_token_id", vocabulary),
    }


def _token_id(metadata: Mapping[str, Value], key: str, vocabulary: int) -> int | None:
    found = metadata.get(f"tokenizer.ggml.{key}")
    if found is None:
        return None
    if type(found) is not int or not 0 <= found < vocabulary:
        raise ModelError(f"tokenizer.ggml.{key} is {found!r}: no id of a vocabulary of {vocabulary}.")
    return found


def _write_config(target: Path, skeleton: PreTrainedModel, dtype: torch.dtype) -> None:
    config = skeleton.config
    config.architectures = [type(skeleton).__name__]
    config.dtype = dtype
    config.save_pretrained(target)
    ids = ("bos_token_id", "eos_token_id", "pad_token_id")
    known = {key: value for key in ids if (value := getattr(config, key, None)) is not None}
    text = json.dumps({"_from_model_config": True, **known}, indent=2) + "\n"
    (target / "generation_config.json").write_text(text, encoding="utf-8")


def _watched(weights: list[Weight], progress: Progress) -> Iterator[torch.Tensor]:
    total, done = sum(weight.slot.nbytes for weight in weights), 0
    progress(done, total)
    for weight in weights:
        yield weight.numbers()
        done += weight.slot.nbytes
        progress(done, total)
