"""From a model folder to a model and its tokenizer in memory.

Weights come from safetensors only, nothing is fetched and no code of the folder is run. They may be stored
quantised; otherwise bitsandbytes quantises them while they are read, see packing. A model too large for its
device is spread, see spread.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

import torch
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from opro_local.engine.faults import loading
from opro_local.engine.packing import avoid_kernel, check_packed, packed_share, packing_config
from opro_local.engine.profile import PACKED, ModelProfile, Quantize, profile_folder
from opro_local.engine.tensors import check_report
from opro_local.errors import ModelError

Place = torch.device | int | str
"""Where a part of a model lies: a device, a GPU by its number, "cpu" or "disk"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model ready to run; quantize names how its weights are held ("none" if dense)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    quantize: str


def load_folder(path: Path, *, quantize: Quantize, device: str) -> Loaded:
    """Load a safetensors folder as a whole. Raises ModelError in one line if that cannot be done."""
    return load_weights(profile_folder(path, quantize=quantize, device=device))


def load_weights(profile: ModelProfile, *, spread: Mapping[str, Place] | None = None) -> Loaded:
    """Read the weights onto the profile's device, or where spread says. Raises ModelError."""
    # Without it, masked grouped-query attention copies keys and values for every head; on CUDA it would pick
    # the slow kernel. transformers reads the switch at each call.
    os.environ["TRANSFORMERS_SDPA_FORCE_GQA"] = "1" if profile.device.type == "cpu" else "0"
    with loading(profile.folder.path):
        model = _load_model(profile, spread or {"": profile.device})
        if profile.how in PACKED and profile.converts:
            _unmap(model)
        avoid_kernel(model)
    return Loaded(
        model=model,
        tokenizer=profile.tokenizer,
        quantize="none" if profile.how in ("bf16", "fp32") else profile.how,
    )


def _load_model(profile: ModelProfile, places: Mapping[str, Place]) -> PreTrainedModel:
    config, stored = profile.config, profile.folder.stored
    if stored == "int8":
        config.quantization_config["llm_int8_threshold"] = 0.0
    elif stored is not None and profile.device.type == "cpu":
        _check_stored(profile, stored)
    packs = _packing(profile) if profile.how in PACKED and stored is None else None
    # A soft-capped attention has no sdpa kernel.
    capped = getattr(config.get_text_config(), "attn_logit_softcapping", None) is not None
    # What cannot be read from disk as it is stored lies here as long as the model lives.
    offload = mkdtemp(prefix="opro-local-") if "disk" in places.values() else None
    model: PreTrainedModel
    report: dict[str, set[object]]
    model, report = AutoModelForCausalLM.from_pretrained(  # type: ignore[misc]
        profile.folder.path,
        config=config,
        dtype=profile.dtype,
        quantization_config=packs,
        device_map=dict(places),
        offload_folder=offload,
        attn_implementation="eager" if capped else None,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    if offload is not None:
        finalize(model.get_input_embeddings(), rmtree, offload, ignore_errors=True)
    check_report(profile.folder.path, model, report)
    text: PreTrainedModel = _text_part(model).eval()  # type: ignore[no-untyped-call]
    return text


def _packing(profile: ModelProfile) -> BitsAndBytesConfig:
    if not packed_share(profile.skeleton, profile.how):
        raise ModelError(
            f"{profile.folder.path.name}: none of its matrices has a size that fits {profile.how}."
            " Use --quantize bf16."
        )
    return packing_config(profile.how, profile.skeleton, profile.dtype)


def _check_stored(profile: ModelProfile, how: str) -> None:
    dense = profile.config.quantization_config.get("llm_int8_skip_modules") or []
    try:
        check_packed(profile.skeleton, how, dense)
    except ModelError as error:
        raise ModelError(f"{profile.folder.path.name}: {error}") from error


def _unmap(model: PreTrainedModel) -> None:
    """Copy the weights that were not packed: one that lies in a mapped file keeps the whole file there."""
    for weight in model.parameters():
        if weight.is_floating_point() and weight.device.type == "cpu":
            weight.data = weight.data.clone()


def _text_part(model: PreTrainedModel) -> PreTrainedModel:
    """The language model inside a multimodal one, as a causal model of its own; others as they are."""
    config: PretrainedConfig = model.config.get_text_config()
    if config is model.config:
        return model
    with torch.device("meta"):
        text: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    setattr(text, text.base_model_prefix, model.base_model.language_model)
    text.set_output_embeddings(model.get_output_embeddings())  # type: ignore[no-untyped-call]
    text.generation_config = model.generation_config
    return text
