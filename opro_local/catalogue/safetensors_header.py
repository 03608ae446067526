"""Names, types and shapes of the tensors in safetensors files, read from their headers alone.

A file is eight bytes with the header's length, the header (JSON), then the tensors without a gap:
https://github.com/huggingface/safetensors#format.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from opro_local.errors import ModelError

BITS: Mapping[str, int] = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "F8_E4M3": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E8M0": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "C64": 64,
}
"""Bits of one element of each type that the format knows."""

LONGEST_HEADER = 40_000_000
"""Bytes; the format allows 100 million. Files of 100,000 tensors, more than the largest models have in all,
tell of them in 20 million."""

_MOST_SIDES = 8
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """One tensor of a file; shape is that of its storage, dtype the format's name (BF16, U8, ...)."""

    file: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a whole safetensors file by name. Raises ModelError in one line for anything else."""
    where, size = f"{path.parent.name}: {path.name}", path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        if (first + file.read(64)).startswith(_POINTER):
            raise ModelError(
                f"{where} is a git-LFS pointer, not the weights. Fetch them (`git lfs pull`) and copy again."
            )
        length = int.from_bytes(first, "little")
        if LONGEST_HEADER < length <= size - 8:
            raise ModelError(
                f"{where} has a header of {length} bytes; at most {LONGEST_HEADER} are read. Is it damaged?"
            )
        if size < 8 or length > size - 8:
            raise ModelError(
                f"{where} is empty, cut off or no safetensors file ({size} bytes). Copy it again."
            )
        file.seek(8)
        header = _parsed(file.read(length), where)
    tensors: dict[str, StoredTensor] = {}
    end = 0
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    for name, entry in sorted(entries.items(), key=lambda item: _begin(item[1])):
        tensors[name], end = _tensor(entry, path.name, f"{where}: {name}", end)
    if 8 + length + end != size:
        raise ModelError(
            f"{where} has {size} bytes, its header tells of {8 + length + end}: cut off or damaged."
            " Copy it again."
        )
    return tensors


def _parsed(text: bytes, where: str) -> dict[str, object]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ModelError(
            f"{where} has no readable header; it is damaged or no safetensors file. Copy it again."
        )
    return header


def _begin(entry: object) -> tuple[int, int]:
    """Where a tensor lies, to put them in order; what cannot be read comes first."""
    match entry:
        case {"data_offsets": [int(begin), int(end)]}:
            return begin, end
    return -1, -1


def _tensor(entry: object, file: str, where: str, begin: int) -> tuple[StoredTensor, int]:
    """The tensor of one entry and its end; it must begin where the one before it ends, and fill its span."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(first), int(end)]}:
            whole = len(shape) <= _MOST_SIDES and all(
                isinstance(side, int) and 0 <= side < 2**63 for side in shape
            )
            if dtype in BITS and whole and first == begin and (end - begin) * 8 == prod(shape) * BITS[dtype]:
                return StoredTensor(file=file, dtype=dtype, shape=tuple(shape)), end
    raise ModelError(f"{where} is not described as the format has it; the file is damaged. Copy it again.")
