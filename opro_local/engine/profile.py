"""What is known of a model before its weights are read: how and where it will be held, its shapes.

The skeleton is the model itself on torch's meta device, where tensors have shapes and no memory.
"""

import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import torch
import transformers.utils.logging
from huggingface_hub.utils.tqdm import disable_progress_bars
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from opro_local.catalogue.folder import ModelFolder, read_folder
from opro_local.engine.faults import loading
from opro_local.engine.fitting import check_fitting
from opro_local.engine.tensors import check_tensors
from opro_local.engine.tokenizer import read_tokenizer
from opro_local.errors import ModelError

Quantize = Literal["auto", "bf16", "fp32", "nf4", "int8"]

LARGE_PARAMETERS = 2_500_000_000
"""From about 3B up a model is quantised to nf4 on a GPU, and kept in 16 bit on any CPU."""

PACKED = ("nf4", "fp4", "int8")
"""Weights that bitsandbytes packs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """A model folder, how its weights will be held (one of Quantize but auto) and in which dtype.

    converts tells that they are made of other weights in the files, not read as they are.
    """

    folder: ModelFolder
    device: torch.device
    how: str
    dtype: torch.dtype
    converts: bool
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    skeleton: PreTrainedModel


def profile_folder(
    path: Path, *, quantize: Quantize, device: str, tokenizer: PreTrainedTokenizerBase | None = None
) -> ModelProfile:
    """Read all of a folder but its weights. Raises ModelError in one line if it is no model to load.

    A tokenizer that was read already is not read again: of 262,144 tokens that takes seconds.
    """
    folder = read_folder(path)
    place = choose_device(device)
    how = choose_quantization(folder, quantize, place)
    dtype = torch.float32 if how == "fp32" else sixteen_bit(place)
    tokenizer = load_tokenizer(path) if tokenizer is None else tokenizer
    if how in PACKED:
        import_module("bitsandbytes")  # now, so that it counts to what the process holds before the weights
    with loading(path):
        config, stored = _read_config(path)
        skeleton = _build_skeleton(path, config, dtype)
        check_tensors(path, skeleton)
        check_fitting(path, skeleton, tokenizer)
    return ModelProfile(
        folder=folder,
        device=place,
        how=how,
        dtype=dtype,
        converts=folder.stored is None and (how in PACKED or stored != dtype),
        config=config,
        tokenizer=tokenizer,
        skeleton=skeleton,
    )


def _read_config(path: Path) -> tuple[PretrainedConfig, torch.dtype | str | None]:
    """The configuration, and the dtype that it tells, which building the skeleton changes."""
    config: PretrainedConfig = AutoConfig.from_pretrained(
        path, local_files_only=True, trust_remote_code=False
    )
    return config, config.get_text_config().dtype or config.dtype


def _build_skeleton(path: Path, config: PretrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    with torch.device("meta"):
        skeleton: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    if (path / "generation_config.json").is_file():
        skeleton.generation_config = GenerationConfig.from_pretrained(path, local_files_only=True)
    return skeleton


def load_tokenizer(path: Path) -> PreTrainedTokenizerBase:
    """Only the tokenizer of a folder: no weights are read. Raises ModelError."""
    read_folder(path)
    keep_silent()
    return read_tokenizer(path)


def choose_device(wanted: str) -> torch.device:
    """The device by name; auto is CUDA if there is one, else the CPU. Raises ModelError."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"Device {wanted!r} cannot be used on this machine; try auto or cpu.") from error
    return device


def choose_quantization(folder: ModelFolder, wanted: Quantize, device: torch.device) -> str:
    """How to hold the weights: as they are stored, as wanted, or what suits the device. Raises ModelError."""
    if folder.stored is not None:
        if wanted not in ("auto", folder.stored):
            raise ModelError(
                f"{folder.path.name}: its weights are stored in {folder.stored}, not in {wanted}."
                " Use --quantize auto."
            )
        return folder.stored
    if wanted != "auto":
        return wanted
    large = folder.parameters >= LARGE_PARAMETERS
    if device.type == "cpu":
        return "bf16" if large or multiplies_bf16() else "fp32"
    return "nf4" if large else "bf16"


def multiplies_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself; without that, fp32 is about twice as fast."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16") or able.get("bf16"))


def sixteen_bit(device: torch.device) -> torch.dtype:
    """The 16-bit type that the device computes in."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def keep_silent() -> None:
    """Libraries write no bars and no advice to stderr; what matters is raised."""
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    disable_progress_bars()
    for library in ("accelerate", "bitsandbytes"):
        logging.getLogger(library).setLevel(logging.ERROR)
