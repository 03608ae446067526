"""A model on disk: a flat transformers folder, with MODEL.json and SHA256SUMS when opro-local stored it.

A plain folder without them is allowed; its digest comes from its files all the same. What could run code when
it is loaded (pickled weights, Python files, auto_map) is refused.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from opro_local.config import Settings
from opro_local.errors import ModelError
from opro_local.records import content_hash

MANIFEST = "MODEL.json"
SUMS = "SHA256SUMS"

# What decides the numbers a model gives: weights, configuration, tokenizer, chat template.
_MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "*_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "chat_template*",
)
_LEGAL_FILES = ("LICEN[CS]E*", "NOTICE*", "*TERMS*", "USE_POLICY*", "README.md")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class Manifest(Settings):
    """MODEL.json: which weights these are and where they came from.

    quantized_share is that of the weights; older files do not tell it.
    """

    schema_version: Literal[1] = 1
    name: str
    source: str
    revision: str | None
    licence: str | None
    base_model: str | None
    quantize: str
    dtype: str
    chat_template_sha256: str | None
    size_bytes: int
    created_by: str
    quantized_share: float | None = None


def is_model_file(name: str) -> bool:
    """Whether a file of this name changes what the model answers."""
    return any(fnmatchcase(name, pattern) for pattern in _MODEL_FILES)


def is_legal_file(name: str) -> bool:
    """Whether a file of this name holds the licence or the model card."""
    return any(fnmatchcase(name, pattern) for pattern in _LEGAL_FILES)


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_loadable(folder: Path) -> None:
    """Raise ModelError unless this is a complete transformers folder that runs no code when it is loaded."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} has no config.json; a model folder holds config.json and *.safetensors.")
    for path in sorted(folder.iterdir()):
        if path.suffix in _PICKLES:
            raise ModelError(
                f"{folder}: {path.name} may hold code (pickle); only safetensors are read. Remove it."
            )
        if path.suffix == ".py":
            raise ModelError(
                f"{folder}: {path.name} is code; code shipped with weights is not run. Remove it."
            )
        if path.name == "config.json" or path.name.endswith("_config.json"):
            _check_config(path)
    _check_shards(folder)


def read_json(path: Path) -> dict[str, object]:
    """The object in a JSON file. Raises ModelError when it is missing or not an object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is not valid JSON; copy the model again.") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object; copy the model again.")
    return content


def names_code(key: str, value: object) -> bool:
    """Whether a configuration entry can make a library fetch or run code: auto_map, an attention kernel."""
    return key == "auto_map" or (key.startswith("_attn_implementation") and isinstance(value, str | dict))


def _check_config(path: Path) -> None:
    for key, value in _entries(read_json(path)):
        if names_code(key, value):
            raise ModelError(f"{path}: key {key!r} can make a library run foreign code. Remove the key.")


def _entries(value: object) -> Iterator[tuple[str, object]]:
    """Every key of a JSON value, at any depth."""
    if isinstance(value, dict):
        yield from value.items()
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _entries(child)


def _check_shards(folder: Path) -> None:
    weights = {path.name for path in folder.glob("*.safetensors")}
    if not weights:
        raise ModelError(f"{folder} has no *.safetensors file; other weight formats are not read.")
    for index in sorted(folder.glob("*.safetensors.index.json")):
        shards = read_json(index).get("weight_map")
        wanted = set(shards.values()) if isinstance(shards, dict) else set()
        if missing := sorted(wanted - weights):
            raise ModelError(
                f"{folder}: {missing[0]} is missing, {index.name} names it. Copy the model again."
            )


def read_manifest(folder: Path) -> Manifest | None:
    """What MODEL.json says, None when there is no such file. Raises ModelError when it is damaged."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        return Manifest.model_validate(read_json(path))
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ModelError(f"{path}: {key}: {error.errors()[0]['msg']}. Store the model again.") from None


def write_bundle(folder: Path, manifest: Manifest) -> None:
    """Write MODEL.json, and SHA256SUMS over every file of the folder in the format of coreutils."""
    text = json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in names]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def verify(folder: Path) -> str:
    """Check the folder and compute its digest, "model:sha256:...", by reading every file once.

    Raises ModelError naming the first file that is missing, differs from SHA256SUMS, or is not listed there.
    Two folders with the same weights, configuration, tokenizer and template have the same digest.
    """
    check_loadable(folder)
    present = sorted(path.name for path in folder.iterdir() if is_model_file(path.name))
    if (folder / SUMS).exists():
        hashes = _check_sums(folder)
        for name in present:
            if name not in hashes:
                raise ModelError(
                    f"{folder}: {name} is not listed in {SUMS}. Remove it or store the model again."
                )
    elif (folder / MANIFEST).exists():
        raise ModelError(f"{folder}: {SUMS} is missing. Store the model again.")
    else:
        hashes = {name: file_sha256(folder / name) for name in present}
    return content_hash("model", [[name, hashes[name]] for name in present])


def _check_sums(folder: Path) -> Mapping[str, str]:
    sums = _read_sums(folder / SUMS)
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{folder}: {name} is missing, {SUMS} lists it. Store the model again.")
        if file_sha256(path) != expected:
            raise ModelError(f"{folder}: {name} differs from {SUMS}. Store the model again.")
    return sums


def _read_sums(path: Path) -> dict[str, str]:
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.fullmatch(r"([0-9a-f]{64}) [ *]([^/\\]+)", line)
        if match is None:
            raise ModelError(f"{path} line {number}: expected a SHA-256, two blanks and a file name.")
        sums[match[2]] = match[1]
    return sums
