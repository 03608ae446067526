"""From a model folder to a model and its tokenizer in memory.

Weights come from safetensors only, nothing is fetched and no code of the folder is run. They may be stored
quantised; otherwise bitsandbytes quantises them while they are read. int8 runs without outlier columns
(threshold 0), which would make the rows of a batch depend on each other.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import transformers.utils.logging
from huggingface_hub.utils.tqdm import disable_progress_bars
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from opro_local.engine.folder import ModelFolder, read_folder
from opro_local.errors import ModelError

Quantize = Literal["auto", "bf16", "fp32", "nf4", "int8"]

LARGE_PARAMETERS = 2_500_000_000
"""From about 3B up a model is quantised to nf4 on a GPU, and kept in 16 bit on any CPU."""

LOAD_FAULTS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    RuntimeError,
    SafetensorError,
)
"""What transformers raises on folders that it cannot load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model ready to run; quantize names how its weights are held ("none" if dense)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    quantize: str


def load_folder(path: Path, *, quantize: Quantize, device: str) -> Loaded:
    """Load a safetensors folder. Raises ModelError in one line if that cannot be done."""
    folder = read_folder(path)
    place = choose_device(device)
    how = choose_quantization(folder, quantize, place)
    _keep_silent()
    # Without it, masked grouped-query attention copies keys and values for every head; on CUDA it would pick
    # the slow kernel. transformers reads the switch at each call.
    os.environ["TRANSFORMERS_SDPA_FORCE_GQA"] = "1" if place.type == "cpu" else "0"
    try:
        model = _load_model(folder, how, place)
    except (*LOAD_FAULTS, MemoryError) as error:
        raise ModelError(f"{path.name}: cannot be loaded: {_first_line(error)}") from error
    quantized = "none" if how in ("bf16", "fp32") else how
    return Loaded(model=model, tokenizer=load_tokenizer(path), quantize=quantized)


def load_tokenizer(path: Path) -> PreTrainedTokenizerBase:
    """Only the tokenizer of a folder: no weights are read. Raises ModelError."""
    read_folder(path)
    _keep_silent()
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
    except LOAD_FAULTS as error:
        raise ModelError(f"{path.name}: cannot be loaded: {_first_line(error)}") from error
    return tokenizer


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
        return "bf16" if large or _multiplies_bf16() else "fp32"
    return "nf4" if large else "bf16"


def _multiplies_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself; without that, fp32 is about twice as fast."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16") or able.get("bf16"))


def _load_model(folder: ModelFolder, how: str, device: torch.device) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
    if folder.stored == "int8":
        config.quantization_config["llm_int8_threshold"] = 0.0
    # A soft-capped attention has no sdpa kernel.
    capped = getattr(config.get_text_config(), "attn_logit_softcapping", None) is not None
    model: PreTrainedModel
    report: dict[str, set[object]]
    model, report = AutoModelForCausalLM.from_pretrained(  # type: ignore[misc]
        folder.path,
        config=config,
        dtype=torch.float32 if how == "fp32" else _sixteen_bit(device),
        quantization_config=None if folder.stored else _quantization(how, device),
        device_map={"": device},
        attn_implementation="eager" if capped else None,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    lost = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in report[kind])
    if lost:  # transformers fills them with random numbers
        raise ValueError(f"{len(lost)} tensors are missing or of another shape, {lost[0]} first")
    text: PreTrainedModel = _text_part(model).eval()  # type: ignore[no-untyped-call]
    return text


def _sixteen_bit(device: torch.device) -> torch.dtype:
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def _quantization(how: str, device: torch.device) -> BitsAndBytesConfig | None:
    if how == "nf4":
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=_sixteen_bit(device),
        )
    if how == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)  # type: ignore[no-untyped-call]
    return None


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


def _keep_silent() -> None:
    """Libraries write no bars and no advice to stderr; what matters is raised."""
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    disable_progress_bars()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
