"""A safetensors file written as its tensors come, so that never more than one of them is in memory.

The safetensors package takes all tensors at once. Format: an 8-byte length, a JSON header, the numbers
(github.com/huggingface/safetensors).
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch

DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A tensor's place in the file."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


def write_safetensors(path: Path, slots: Sequence[Slot], tensors: Iterator[torch.Tensor]) -> None:
    """Write the tensors, one a slot, in order; each must have its slot's shape and dtype."""
    with path.open("wb") as file:
        header = _header(slots)
        file.write(struct.pack("<Q", len(header)) + header)
        for slot, tensor in zip(slots, tensors, strict=True):
            assert (tuple(tensor.shape), tensor.dtype) == (slot.shape, slot.dtype), slot.name
            tensor.contiguous().view(torch.uint8).numpy().tofile(file)


def _header(slots: Sequence[Slot]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    first = 0
    for slot in slots:
        entries[slot.name] = {
            "dtype": DTYPES[slot.dtype],
            "shape": list(slot.shape),
            "data_offsets": [first, first + slot.nbytes],
        }
        first += slot.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)  # readers map the numbers at multiples of 8
