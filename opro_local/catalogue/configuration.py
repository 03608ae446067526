"""What the JSON files of a model folder say: read without any model library, and refused where they name what
is not run here (foreign code, other quantisation)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opro_local.catalogue.files import check_file
from opro_local.errors import ModelError

_OTHER_SCHEMES = ("hf_quant_config.json", "quantize_config.json", "quant_config.json")
OTHER_WEIGHTS = "transformers_weights"
"""The key by which config.json names other files than model.safetensors."""

_NAME_CODE = ("auto_map", "kernel_config", "use_kernels", "fusion_config", OTHER_WEIGHTS)
_IMPLEMENTATIONS = (
    "_attn_implementation",
    "attn_implementation",
    "_experts_implementation",
    "experts_implementation",
)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises ModelError when it is missing or not an object."""
    check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):  # not UTF-8, nested too deep
        raise ModelError(f"{path} is not valid JSON; copy the model again.") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object; copy the model again.")
    return content


def names_code(key: str, value: object) -> bool:
    """Whether a configuration entry can make a library fetch or run code, or read other files than these."""
    if key.startswith(_IMPLEMENTATIONS):
        return isinstance(value, str | dict)  # older libraries left a harmless flag
    return key in _NAME_CODE and value not in (None, False)


def check_configuration(folder: Path) -> None:
    """Raise ModelError where a JSON file names what is not run here."""
    for path in sorted(folder.glob("*config.json")):
        if path.name in _OTHER_SCHEMES:
            raise ModelError(f"{folder.name}: {path.name} tells of quantised weights. {_DENSE}")
        for key, value in entries(read_json(path)):
            if names_code(key, value):
                what = "read other weights" if key == OTHER_WEIGHTS else "run foreign code"
                raise ModelError(f"{path}: key {key!r} can make a library {what}. Remove the key.")
    config = read_json(folder / "config.json")
    if config.get("is_encoder_decoder") is True:
        raise ModelError(f"{folder.name}: it has an encoder and a decoder; only decoder-only models are run.")
    _check_templates(folder)


_DENSE = "Use the dense model, or one quantised by bitsandbytes."


def quantisation(folder: Path) -> str | None:
    """What config.json says of the weights: 4bit or int8 by bitsandbytes, None where they are dense.

    Raises ModelError for other methods.
    """
    config = read_json(folder / "config.json")
    for key, value in entries(config):
        if value and key in ("quantization_config", "compression_config"):
            method = value.get("quant_method", "bitsandbytes") if _is_object(value) else value
            bits = [bit for bit in ("4bit", "8bit") if _is_object(value) and value.get(f"load_in_{bit}")]
            if value is not config.get("quantization_config") or method != "bitsandbytes" or len(bits) != 1:
                method = method if method != "bitsandbytes" else f"{key} of an unknown kind"
                raise ModelError(f"{folder.name}: its weights are quantised by {method!r}. {_DENSE}")
            return "4bit" if bits == ["4bit"] else "int8"
    return None


def chat_template(folder: Path) -> str | None:
    """The template that conversations are rendered by: the file's, else the one of tokenizer_config.json.

    Raises ModelError where several are named and none of them is the default.
    """
    own_file, config = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if own_file.is_file():
        try:
            return own_file.read_text(encoding="utf-8")
        except ValueError:
            raise ModelError(
                f"{folder.name}: {own_file.name} is not UTF-8 text. Copy the model again."
            ) from None
    template = read_json(config).get("chat_template") if config.is_file() else None
    if isinstance(template, list):
        named = {str(entry.get("name")): entry.get("template") for entry in template if _is_object(entry)}
        template = named.get("default")
        if not isinstance(template, str):
            names = ", ".join(named) or "none"
            raise ModelError(
                f"{folder.name}: of its chat templates ({names}) none is the default. Name the one to use so."
            )
    if template is not None and not isinstance(template, str):
        raise ModelError(f"{folder.name}: chat_template of tokenizer_config.json is no text.")
    return template


def _check_templates(folder: Path) -> None:
    others = sorted(path.stem for path in (folder / "additional_chat_templates").glob("*.jinja"))
    if chat_template(folder) is None and others and "default" not in others:
        raise ModelError(
            f"{folder.name}: of its chat templates ({', '.join(others)}) none is the default."
            " Name the one to use chat_template.jinja."
        )


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def entries(value: object) -> Iterator[tuple[str, Any]]:
    """Every key of a JSON value, at any depth: files may be nested deeper than calls."""
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield from value.items()
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
