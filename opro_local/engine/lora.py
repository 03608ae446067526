"""Merges a LoRA adapter in PEFT's format into the dense weights that it was trained on.

W + scale * B A in fp32, rounded to the dtype that W is stored in (Hu et al. 2021); scale is alpha / r, or
alpha / sqrt(r) with rslora. File by file, so that never more than one file of weights is in memory.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from opro_local.catalogue.adapters import WEIGHTS as ADAPTER
from opro_local.catalogue.configuration import read_json
from opro_local.catalogue.safetensors_header import StoredTensor, read_header
from opro_local.catalogue.weights import stored_tensors
from opro_local.errors import ModelError

_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<half>[AB])(\.default)?\.weight")
_PLAIN = {
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "target_modules"),
    *("base_model_name_or_path", "revision", "peft_type", "peft_version", "task_type", "inference_mode"),
    *("init_lora_weights", "lora_dropout", "layers_to_transform", "layers_pattern", "exclude_modules"),
    *("auto_mapping", "megatron_core", "qalora_group_size", "bias", "runtime_config"),
}
"""Keys of adapter_config.json that are understood, or are about training only; any other must be unset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A plain LoRA adapter: the names of its two halves by module, and what scales their product."""

    folder: Path
    halves: Mapping[str, Mapping[str, str]]
    config: Mapping[str, Any]

    def scale(self, module: str, rank: int) -> float:
        """What B A is multiplied by in a module. Raises ModelError if its rank is not the configuration's."""
        told = self._by_pattern("rank_pattern", "r", module)
        if told != rank:
            raise ModelError(
                f"{self.folder.name}: {module} has rank {rank}, adapter_config.json says {told}."
            )
        alpha = float(self._by_pattern("alpha_pattern", "lora_alpha", module))
        return alpha / (math.sqrt(rank) if self.config.get("use_rslora") else rank)

    def _by_pattern(self, patterns: str, usual: str, module: str) -> Any:
        """The value of the first pattern that ends the module's name, as PEFT looks it up."""
        for pattern, value in (self.config.get(patterns) or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return value
        return self.config[usual]


def merge_adapter(folder: Path, base: Path, target: Path) -> None:
    """Write the weights of base with all of the adapter merged into them. Raises ModelError."""
    adapter = read_adapter(folder)
    stored = stored_tensors(base)
    halves = read_header(folder / ADAPTER)
    places = {_place(module, stored, folder): module for module in adapter.halves}
    for module, names in adapter.halves.items():
        _check_shapes(adapter, module, halves[names["A"]], halves[names["B"]])
    with safe_open(folder / ADAPTER, framework="pt") as pairs:
        for file in sorted({tensor.file for tensor in stored.values()}):
            _merge_file(base / file, target / file, adapter, places, pairs)


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter's configuration and names of tensors. Raises ModelError unless it is plain LoRA."""
    config = read_json(folder / "adapter_config.json")
    _check_plain(folder, config)
    halves: dict[str, dict[str, str]] = {}
    for name in read_header(folder / ADAPTER):
        match = _KEY.fullmatch(name)
        if match is None:
            raise ModelError(
                f"{folder.name}: {name} is more than a plain LoRA adapter holds; merge it with PEFT."
            )
        halves.setdefault(match["module"], {})[match["half"]] = name
    for module, pair in halves.items():
        if len(pair) != 2:
            raise ModelError(
                f"{folder.name}: {module} has one half of its two (lora_A, lora_B). Copy it again."
            )
    targets = config.get("target_modules")
    for wanted in targets if isinstance(targets, list) else []:
        if not any(module == wanted or module.endswith(f".{wanted}") for module in halves):
            raise ModelError(f"{folder.name}: its target {wanted} has no tensors. Copy it again.")
    if not halves:
        raise ModelError(f"{folder.name}: it holds no tensors. Copy it again.")
    return Adapter(folder=folder, halves=halves, config=config)


def _check_plain(folder: Path, config: Mapping[str, Any]) -> None:
    said = {
        "peft_type": config.get("peft_type") == "LORA",
        "bias": config.get("bias", "none") == "none",
        "task_type": config.get("task_type") in (None, "CAUSAL_LM"),
        "init_lora_weights": config.get("init_lora_weights", True) in (True, False, None, "gaussian", "eva"),
        "r": isinstance(config.get("r"), int) and config["r"] > 0,
        "lora_alpha": isinstance(config.get("lora_alpha"), int | float),
    }
    refused = [key for key, plain in said.items() if not plain]
    refused += [
        key
        for key, value in config.items()
        if key not in _PLAIN and value not in (None, False, {}, [], "none")
    ]
    if refused:
        shown = f"{refused[0]} {config.get(refused[0])!r}"
        raise ModelError(
            f"{folder.name}: only plain LoRA adapters are merged, this has {shown}; merge it with PEFT."
        )


def _place(module: str, stored: Mapping[str, StoredTensor], folder: Path) -> str:
    """The weight of the base that a module's name means, with or without the model's outermost part."""
    for name in (f"{module}.weight", f"{module.partition('.')[2]}.weight"):
        if name in stored:
            return name
    raise ModelError(
        f"{folder.name}: it changes {module}, which the base has not. Is it the base of this adapter?"
    )


def _check_shapes(adapter: Adapter, module: str, a: StoredTensor, b: StoredTensor) -> None:
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1]:
        raise ModelError(
            f"{adapter.folder.name}: the halves of {module} do not fit: {a.shape} and {b.shape}."
        )
    adapter.scale(module, a.shape[0])


def _merge_file(source: Path, target: Path, adapter: Adapter, places: Mapping[str, str], pairs: Any) -> None:
    with safe_open(source, framework="pt") as file:
        metadata = file.metadata()
        tensors = {}
        for name in file.keys():  # noqa: SIM118  # not a dict
            tensors[name] = file.get_tensor(name)
            if module := places.get(name):
                names = adapter.halves[module]
                a, b = pairs.get_tensor(names["A"]), pairs.get_tensor(names["B"])
                tensors[name] = _merged(tensors[name], a, b, adapter, module)
    save_file(tensors, target, metadata=metadata)


def _merged(
    weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, adapter: Adapter, module: str
) -> torch.Tensor:
    """The sum in the weight's dtype: a (r, in), b (out, r), weight (out, in), or (in, out)."""
    change = adapter.scale(module, a.shape[0]) * (b.float() @ a.float())
    change = change.T if adapter.config.get("fan_in_fan_out") else change
    if change.shape != weight.shape or not weight.is_floating_point():
        raise ModelError(
            f"{adapter.folder.name}: {module} is {tuple(change.shape)}, in the base {tuple(weight.shape)}."
            " Is it the base of this adapter?"
        )
    total = weight.float() + change
    if not bool(total.isfinite().all()):
        raise ModelError(
            f"{adapter.folder.name}: {module} is not finite after merging. The adapter is damaged."
        )
    return total.to(weight.dtype).contiguous()
