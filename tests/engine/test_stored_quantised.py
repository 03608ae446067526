"""What is stored quantised has never run: bitsandbytes may repack a weight in place at its first forward."""

from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import QuantState, dequantize_4bit
from safetensors.torch import load_file
from tiny_models import Size, save_tiny_model

from opro_local.catalogue.conversion import StoredQuantize
from opro_local.engine.importing import store_quantized
from opro_local.errors import ModelError

NAME = "model.layers.0.mlp.down_proj.weight"


def never(module: torch.nn.Module, *_arguments: object, **_options: object) -> None:
    raise AssertionError(f"{type(module).__name__} was run before it was stored")


@pytest.mark.parametrize("quantize", ["nf4", "int8"])
def test_nothing_runs_before_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantize: StoredQuantize
) -> None:
    dense = save_tiny_model(tmp_path / "dense", "llama")
    monkeypatch.setattr(torch.nn.Module, "__call__", never)
    store_quantized(dense, tmp_path / "packed", quantize)
    packed, right = (
        load_file(tmp_path / "packed" / "model.safetensors"),
        load_file(dense / "model.safetensors"),
    )
    error = torch.linalg.vector_norm(unpacked(packed, quantize) - right[NAME])
    assert error < {"nf4": 0.12, "int8": 0.02}[quantize] * torch.linalg.vector_norm(right[NAME])


def test_a_model_of_which_nothing_fits_is_told_so(tmp_path: Path) -> None:
    dense = save_tiny_model(tmp_path / "dense", "llama", size=Size(vocabulary=288))  # 48 and 96 inputs
    with pytest.raises(
        ModelError, match=r"none of its matrices has a size that fits nf4; leave out --quantize"
    ):
        store_quantized(dense, tmp_path / "packed", "nf4")


def unpacked(stored: dict[str, torch.Tensor], quantize: str) -> torch.Tensor:
    if quantize == "int8":
        scales = stored[NAME.replace("weight", "SCB")]
        return stored[NAME].float() * scales[:, None] / 127
    parts = {name: tensor for name, tensor in stored.items() if name.startswith(f"{NAME}.")}
    state = QuantState.from_dict(parts, device=torch.device("cpu"))
    return dequantize_4bit(stored[NAME], state).float()
