"""The tensors of a GGUF file as numbers: read by rows, dequantised by the gguf package.

A tensor in 32 or 16 bit keeps its numbers bit for bit; what was quantised becomes bf16.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import prod

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from opro_local.catalogue.gguf_header import GgufTensor
from opro_local.errors import ModelError

PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Types whose numbers are taken as they are."""

ROWS_BYTES = 2**24
"""About so much is dequantised at once; it takes several times that in between."""


def stored_dtype(tensor: GgufTensor) -> torch.dtype:
    """What the tensor becomes in the folder. Raises ModelError for a type that cannot be read."""
    kind = _kind(tensor)
    if kind.name in PLAIN:
        return PLAIN[kind.name]
    try:
        dequantize(np.zeros(GGML_QUANT_SIZES[kind][1], np.uint8), kind)
    except NotImplementedError:
        raise _unreadable(tensor, kind.name) from None
    return torch.bfloat16


def check_inside(tensor: GgufTensor) -> None:
    """Raise ModelError unless the file holds all of the tensor."""
    block, _ = GGML_QUANT_SIZES[_kind(tensor)]
    if tensor.shape[-1:] and tensor.shape[-1] % block:
        raise ModelError(f"{tensor.name} has rows of {tensor.shape[-1]} numbers, blocks have {block}.")
    if tensor.offset + _bytes(tensor) > tensor.file.stat().st_size:
        raise ModelError(f"{tensor.file.name} is cut off in {tensor.name}. Fetch it again.")


def check_apart(tensors: Iterable[GgufTensor]) -> None:
    """Raise ModelError where two tensors lie on the same bytes: their offsets are damaged."""
    placed = sorted(tensors, key=lambda tensor: (tensor.file, tensor.offset))
    for first, second in pairwise(placed):
        if first.file == second.file and first.offset + _bytes(first) > second.offset:
            raise ModelError(
                f"{first.file.name} is damaged: {first.name} and {second.name} overlap. Fetch it again."
            )


def read(tensor: GgufTensor, dtype: torch.dtype) -> torch.Tensor:
    """All of its numbers, in its shape. Raises ModelError where one is none."""
    result = torch.empty(prod(tensor.shape), dtype=dtype)
    first = 0
    for numbers in _parts(tensor):
        if not numbers.isfinite().all():
            raise ModelError(f"{tensor.name} holds NaN or infinity. Fetch the file again.")
        result[first : first + numbers.numel()] = numbers
        first += numbers.numel()
    return result.view(tensor.shape)


def same_bytes(a: GgufTensor, b: GgufTensor) -> bool:
    """Whether both hold the same numbers in the same type."""
    if (a.kind, a.shape) != (b.kind, b.shape):
        return False
    return all(np.array_equal(x, y) for x, y in zip(_blocks(a), _blocks(b), strict=True))


def _parts(tensor: GgufTensor) -> Iterator[torch.Tensor]:
    kind = _kind(tensor)
    for data in _blocks(tensor):
        if kind.name in PLAIN:
            yield torch.from_numpy(data).view(PLAIN[kind.name])
        else:
            yield torch.from_numpy(dequantize(data, kind))


def _blocks(tensor: GgufTensor) -> Iterator[np.ndarray]:
    """Its bytes, whole blocks at a time."""
    block, width = GGML_QUANT_SIZES[_kind(tensor)]
    at_once = max(1, ROWS_BYTES // (4 * block)) * width
    left = _bytes(tensor)
    with tensor.file.open("rb") as file:
        file.seek(tensor.offset)
        while left:
            data = file.read(min(left, at_once))
            if not data:
                raise ModelError(f"{tensor.file.name} is cut off in {tensor.name}. Fetch it again.")
            left -= len(data)
            yield np.frombuffer(bytearray(data), np.uint8)


def _bytes(tensor: GgufTensor) -> int:
    block, width = GGML_QUANT_SIZES[_kind(tensor)]
    return prod(tensor.shape) // block * width


def _kind(tensor: GgufTensor) -> GGMLQuantizationType:
    try:
        return GGMLQuantizationType(tensor.kind)
    except ValueError:
        raise _unreadable(tensor, f"number {tensor.kind}") from None


def _unreadable(tensor: GgufTensor, kind: str) -> ModelError:
    return ModelError(
        f"{tensor.name} has quantisation type {kind}, which the gguf package cannot read."
        " Use a file in another type, Q8_0 or Q4_K_M for instance."
    )
