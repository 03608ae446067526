"""LoRA adapters in PEFT's format, written by hand: peft is no dependency."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import save_file

MODULE = "model.layers.1.self_attn.q_proj"


def write_adapter(
    folder: Path, config: Mapping[str, object] = MappingProxyType({}), *, module: str = MODULE
) -> tuple[Path, torch.Tensor]:
    """An adapter of rank 2 and alpha 6 on a module of 64 inputs and outputs, and what it adds."""
    folder.mkdir()
    rows = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 64, generator=rows), torch.randn(64, 2, generator=rows)
    prefix = f"base_model.model.{module}"
    halves = {f"{prefix}.lora_A.weight": a, f"{prefix}.lora_B.weight": b}
    save_file(halves, folder / "adapter_model.safetensors")
    plain = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "r": 2, "lora_alpha": 6}
    content = {**plain, "target_modules": ["q_proj"], **config}
    (folder / "adapter_config.json").write_text(json.dumps(content))
    return folder, 3.0 * (b @ a)
