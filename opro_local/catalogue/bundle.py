"""A model on disk: a flat transformers folder, with MODEL.json and SHA256SUMS when opro-local stored it.

A plain folder without them is allowed; its digest comes from its files all the same.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from opro_local.catalogue.configuration import read_json
from opro_local.catalogue.files import (
    MANIFEST,
    SUMS,
    TEMPLATES,
    Hashes,
    check_file,
    files_below,
    files_sha256,
    model_files,
)
from opro_local.catalogue.folder import read_folder
from opro_local.config import Settings
from opro_local.durable import write_file
from opro_local.errors import ModelError
from opro_local.records import content_hash

GGUF_IMPORT = 2
"""Raised when the same file becomes other weights or other token ids. The first left such things to
transformers, which split texts of most vocabularies as GPT-2 does."""


class Manifest(Settings):
    """MODEL.json: which weights these are and where they came from.

    quantized_share is that of the weights, gguf_import the version of the import by which a GGUF file was
    read (GGUF_IMPORT); older files tell neither.
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
    gguf_import: int | None = None


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


def _check_import(folder: Path) -> None:
    """Raise ModelError for a GGUF file that was imported by an older version."""
    manifest = read_manifest(folder)
    if manifest and manifest.source.startswith(("gguf ", "package ")) and manifest.gguf_import != GGUF_IMPORT:
        raise ModelError(
            f"{folder.name} was imported from GGUF by an older opro-local, which read some files otherwise"
            f" than llama.cpp does. `opro-local model rm {folder.name}`, then store it again."
        )


def write_bundle(folder: Path, manifest: Manifest) -> None:
    """Write MODEL.json, and SHA256SUMS over every file of the folder in the format of coreutils."""
    text = json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False)
    write_file(folder / MANIFEST, text + "\n")
    names = [name for name in files_below(folder) if name != SUMS]
    found = files_sha256([folder / name for name in names])
    lines = [f"{digest}  {name}\n" for digest, name in zip(found, names, strict=True)]
    write_file(folder / SUMS, "".join(lines))


def verify(folder: Path, hashes: Hashes = files_sha256) -> str:
    """Check the folder and compute its digest, "model:sha256:...", by reading every file once.

    hashes may know files that need not be read (Ledger.hashes).

    Raises ModelError naming the first file that is missing, differs from SHA256SUMS, or is not listed there.
    Two folders with the same weights, configuration, tokenizer and template have the same digest.
    """
    if (folder / SUMS).exists():
        found = _check_sums(folder, hashes)
        _check_import(folder)
        read_folder(folder)
        for name in (present := model_files(folder)):
            if name not in found:
                raise ModelError(
                    f"{folder}: {name} is not listed in {SUMS}. Remove it or store the model again."
                )
    elif (folder / MANIFEST).exists():
        raise ModelError(f"{folder}: {SUMS} is missing. Store the model again.")
    else:
        read_folder(folder)
        present = model_files(folder)
        found = dict(zip(present, hashes([folder / name for name in present]), strict=True))
    return content_hash("model", [[name, found[name]] for name in present])


def _check_sums(folder: Path, hashes: Hashes) -> Mapping[str, str]:
    sums, present = _read_sums(folder / SUMS), set(files_below(folder))
    for name in sums:
        if name not in present:
            raise ModelError(f"{folder}: {name} is missing, {SUMS} lists it. Store the model again.")
    for name, found in zip(sums, hashes([folder / name for name in sums]), strict=True):
        if found != sums[name]:
            raise ModelError(f"{folder}: {name} differs from {SUMS}. Store the model again.")
    return sums


def _read_sums(path: Path) -> dict[str, str]:
    check_file(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{path} is not UTF-8 text. Store the model again.") from None
    sums = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = re.fullmatch(rf"([0-9a-f]{{64}}) [ *]((?:{TEMPLATES}/)?[^/\\]+)", line)
        if match is None:
            raise ModelError(f"{path} line {number}: expected a SHA-256, two blanks and a file name.")
        sums[match[2]] = match[1]
    return sums
