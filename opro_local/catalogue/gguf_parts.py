"""A model in GGUF: one file, or the parts of one that was split, joined again.

Parts are named MODEL-00001-of-00003.gguf; the first holds the metadata of all (llama.cpp's gguf-split).
"""

import re
from pathlib import Path

from opro_local.catalogue.files import Hashes, files_sha256
from opro_local.catalogue.gguf_header import GgufHeader, GgufTensor, read_gguf_header
from opro_local.errors import ModelError
from opro_local.records import content_hash

_PART = re.compile(r"(.*-)\d{5}(-of-(\d{5})\.gguf)", re.IGNORECASE)


def gguf_parts(path: Path) -> tuple[Path, ...]:
    """The files of the model that path belongs to, in order. Raises ModelError where one is missing."""
    count = _split_count(read_gguf_header(path))
    name = _PART.fullmatch(path.name)
    if count <= 1:
        return (path,)
    if name is None or int(name[3]) != count:
        raise ModelError(
            f"{path} is one of {count} parts and is not named so;"
            f" name the parts MODEL-00001-of-{count:05}.gguf and so on."
        )
    parts = tuple(path.with_name(f"{name[1]}{part:05}{name[2]}") for part in range(1, count + 1))
    for number, part in enumerate(parts, 1):
        if not part.is_file():
            raise ModelError(
                f"{path}: part {number} of {count} is missing ({part.name}). Put all parts into one folder."
            )
    return parts


def read_gguf(path: Path) -> GgufHeader:
    """The metadata of the whole model and the places of all its tensors. Raises ModelError."""
    headers = [read_gguf_header(part) for part in gguf_parts(path)]
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    if len(headers) > 1:
        _check_parts(path, headers, tensors)
    return GgufHeader(metadata=headers[0].metadata, tensors=tensors)


def gguf_sha256(path: Path, hashes: Hashes = files_sha256) -> str:
    """SHA-256 of the file, or of the hashes of its parts, in hexadecimal."""
    found = hashes(gguf_parts(path))
    return found[0] if len(found) == 1 else content_hash("gguf", found).rpartition(":")[2]


def _split_count(header: GgufHeader) -> int:
    count = header.metadata.get("split.count", 1)
    return count if isinstance(count, int) else 1


def _check_parts(path: Path, headers: list[GgufHeader], tensors: tuple[GgufTensor, ...]) -> None:
    """Parts of different models must not be joined."""
    for number, header in enumerate(headers):
        if header.metadata.get("split.no") != number or _split_count(header) != len(headers):
            raise ModelError(
                f"{path}: part {number + 1} of {len(headers)} says that it is another part. Fetch it again."
            )
    wanted = headers[0].metadata.get("split.tensors.count", len(tensors))
    if len({tensor.name for tensor in tensors}) != len(tensors) or len(tensors) != wanted:
        raise ModelError(f"{path}: its parts do not belong together ({len(tensors)} tensors of {wanted}).")
