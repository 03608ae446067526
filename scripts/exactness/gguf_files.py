"""GGUF files to import: small random ones of each architecture, and quantised ones written anew in F32.

All values are rounded to bf16 first. The importer stores bf16, so what it rounds is no part of a difference;
llama.cpp multiplies F32 weights in fp32, where it would quantise activations too beside quantised weights.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize

TESTS = Path(__file__).parents[2] / "tests" / "support"


def tiny_variants() -> tuple[str, ...]:
    """Names of the small files that the tests write too."""
    return tuple(_tiny().VARIANTS)


def write_tiny(variant: str, file: Path) -> None:
    """Write a small random model in F32."""
    tensors = _tiny().tiny_tensors(variant)
    rounded = {name: _rounded(array) for name, array in tensors.items() if not name.startswith("rope_")}
    _tiny().write_tiny_gguf(file, variant, tensors=rounded)


def write_dense(source: Path, target: Path) -> None:
    """Write a file anew, its quantised tensors as F32, everything else as it is."""
    reader = GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            kind, *inner = field.types
            writer.add_key_value(name, field.contents(), kind, inner[-1] if inner else None)
    for tensor in reader.tensors:
        array = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, array if tensor.name.startswith("rope_") else _rounded(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def kinds_of(file: Path) -> str:
    """The types of a file's matrices."""
    reader = GGUFReader(file)
    kinds = {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) > 1}
    return "/".join(sorted(kinds))


def _tiny() -> Any:
    """The tests' own writer of small files."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    return import_module("tiny_gguf")


def _rounded(array: np.ndarray) -> np.ndarray:
    """To the nearest bf16 value, ties to even."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    even = (bits >> 16) & 1
    return ((bits + 0x7FFF + even) & np.uint32(0xFFFF0000)).view(np.float32)
