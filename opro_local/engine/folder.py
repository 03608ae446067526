"""What a model folder says about itself, read before anything of it is loaded; folders that are unsafe are
refused.

No torch: a folder is judged by its JSON files and by its file names.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opro_local.errors import ModelError

PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
FOREIGN_CODE = ("auto_map", "_attn_implementation", "attn_implementation")
"""Keys by which a folder could name code, or an attention kernel to fetch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A folder that may be loaded. stored is the bitsandbytes type of weights that are quantised already."""

    path: Path
    parameters: int
    stored: str | None


def read_folder(path: Path) -> ModelFolder:
    """Judge a folder by what it holds. Raises ModelError if it is no model or not a safe one."""
    if not path.is_dir():
        raise ModelError(f"{path}: no such model folder. Pull or add the model first.")
    config = _read_json(path / "config.json")
    _refuse_code(path)
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise ModelError(f"{path.name}: no .safetensors weights. Convert the model to safetensors first.")
    width = 4 if _dtype(config) == "float32" else 2
    return ModelFolder(
        path=path,
        parameters=sum(file.stat().st_size for file in weights) // width,
        stored=_stored_quantisation(path, config.get("quantization_config")),
    )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{file.parent.name}: no {file.name}; this is not a transformers folder.") from None
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{file.parent.name}: {file.name} cannot be read ({type(error).__name__})."
        ) from None
    if not isinstance(content, dict):
        raise ModelError(f"{file.parent.name}: {file.name} is not a JSON object.")
    return content


def _refuse_code(path: Path) -> None:
    """Raise ModelError where a folder brings or names code that loading could run."""
    for file in sorted(path.iterdir()):
        if file.suffix == ".py":
            raise ModelError(
                f"{path.name}: it brings code ({file.name}), which is never run. Remove the file."
            )
        if file.suffix in PICKLES:
            raise ModelError(
                f"{path.name}: {file.name} is a pickle, which can run code. Keep safetensors only."
            )
        if file.name.endswith("config.json"):
            named = sorted(set(_keys(_read_json(file))) & set(FOREIGN_CODE))
            if named:
                raise ModelError(f"{path.name}: {file.name} names code by {named[0]!r}. Remove that key.")


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
        for inner in value.values():
            yield from _keys(inner)


def _dtype(config: Mapping[str, Any]) -> str | None:
    places = (config, config.get("text_config", {}))
    return next(
        (str(place[key]) for place in places for key in ("dtype", "torch_dtype") if key in place), None
    )


def _stored_quantisation(path: Path, quantised: Mapping[str, Any] | None) -> str | None:
    if not quantised:
        return None
    if quantised.get("quant_method") != "bitsandbytes":
        raise ModelError(
            f"{path.name}: its weights are quantised by {quantised.get('quant_method')!r}."
            " Use the dense model, or one quantised by bitsandbytes."
        )
    return str(quantised.get("bnb_4bit_quant_type", "nf4")) if quantised.get("load_in_4bit") else "int8"
