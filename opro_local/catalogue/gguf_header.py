"""Reads the header of a GGUF file, believing nothing in it.

The parser of the gguf package trusts counts and lengths: a file of 49 bytes can keep it busy for ever. So
every count is held against the size of the file here, and against what models have: a header that a large
file does hold takes memory and time too. That parser is not used. Weights are not read.
Format: GGUF version 2 and 3, little-endian (github.com/ggml-org/ggml, docs/gguf.md).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from opro_local.errors import ModelError

Value = str | int | float | bool | list[str] | list[int] | list[float] | list[bool]
"""What a metadata key may hold."""

_STRING, _ARRAY = 8, 9
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_MAX_DIMENSIONS = 4

LONGEST_HEADER = 64 * 2**20
"""Bytes. Vocabularies of 262,144 tokens take 16 MiB with their merges, a tokenizer.json beside them 35."""

MOST_ENTRIES, MOST_TENSORS, MOST_VALUES = 10_000, 100_000, 2_000_000
"""Metadata entries, tensors, values of an array; models have 60, some thousands, and 520,000 merges."""

_ALIGNMENT = 32
"""Bytes to which tensors are aligned where the file names no other number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """Where a tensor lies. shape has the slowest dimension first; kind is ggml's number of its type."""

    name: str
    shape: tuple[int, ...]
    kind: int
    file: Path
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """All that a GGUF file says ahead of its weights."""

    metadata: Mapping[str, Value]
    tensors: tuple[GgufTensor, ...]

    def text(self, key: str) -> str | None:
        """The text under a key, None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None


def read_gguf_header(path: Path) -> GgufHeader:
    """The metadata and the places of the tensors.

    Raises ModelError when the file is not GGUF, names a thing twice, claims more than its size can hold, or
    has a header beyond the limits above; what is beyond them is not read.
    """
    with path.open("rb") as file:
        reader = _Reader(path=path, file=file, size=path.stat().st_size)
        if file.read(4) != b"GGUF":
            raise ModelError(f"{path} is not a GGUF file.")
        version = reader.integer("<I")
        if version not in (2, 3):
            raise ModelError(
                f"{path} has GGUF {_version_said(version)}; versions 2 and 3 in little-endian order are read."
                " Convert the model anew, or use its safetensors folder."
            )
        # 24 and 13 are the bytes of the shortest tensor and entry.
        tensors, entries = reader.count(24, MOST_TENSORS), reader.count(13, MOST_ENTRIES)
        metadata = _read_metadata(reader, entries)
        found = [_read_tensor(reader) for _ in range(tensors)]
        first = _data_start(reader, metadata.get("general.alignment", _ALIGNMENT))
    if len({tensor.name for tensor in found}) < len(found):
        raise reader.damaged("it names a tensor twice")
    return GgufHeader(metadata=metadata, tensors=tuple(_placed(tensor, first) for tensor in found))


def _version_said(version: int) -> str:
    """A number of other byte order is smaller the other way round."""
    swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
    return f"version {version}" if swapped > version else f"version {swapped} in big-endian order"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads numbers and texts, and refuses to go past the end of the file."""

    path: Path
    file: BinaryIO
    size: int

    def damaged(self, why: str = "its header claims more than the file holds") -> ModelError:
        return ModelError(f"{self.path} is damaged: {why}. Fetch it again.")

    def integer(self, form: str) -> int:
        return int(self.numbers(form, 1)[0])

    def numbers(self, form: str, count: int) -> tuple[int | float | bool, ...]:
        form = f"{form[:-1]}{count}{form[-1]}"
        data = self.file.read(struct.calcsize(form))
        if len(data) < struct.calcsize(form):
            raise self.damaged()
        return struct.unpack(form, data)

    def count(self, width: int, most: int) -> int:
        """A 64-bit count of things that take at least width bytes each."""
        number, begin = self.integer("<Q"), self.file.tell()
        if number * width > self.size - begin:
            raise self.damaged()
        if number > most or begin + number * width > LONGEST_HEADER:
            raise ModelError(
                f"{self.path}: its header counts {number} at byte {begin}; no model has more than {most}"
                f" there, or a header above {LONGEST_HEADER} bytes."
            )
        return number

    def text(self) -> str:
        return self.file.read(self.count(1, LONGEST_HEADER)).decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array()
        return self.numbers(self._form(kind), 1)[0]

    def _array(self) -> Value:
        kind = self.integer("<I")
        if kind == _STRING:
            return [self.text() for _ in range(self.count(8, MOST_VALUES))]
        form = self._form(kind)
        return list(self.numbers(form, self.count(struct.calcsize(form), MOST_VALUES)))

    def _form(self, kind: int) -> str:
        if kind not in _FORMS:  # an array of arrays too: no model uses one
            raise self.damaged(f"value type {kind} in its header")
        return f"<{_FORMS[kind]}"


def _read_metadata(reader: _Reader, entries: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for _ in range(entries):
        key, kind = reader.text(), reader.integer("<I")
        if key in found:
            raise reader.damaged(f"it names {key} twice")
        found[key] = reader.value(kind)
    return found


def _read_tensor(reader: _Reader) -> GgufTensor:
    """A tensor whose offset counts from the end of the header."""
    name, dimensions = reader.text(), reader.integer("<I")
    if dimensions > _MAX_DIMENSIONS:
        raise reader.damaged()
    shape = tuple(reader.integer("<Q") for _ in range(dimensions))
    elements = 1
    for size in shape:
        elements *= size
    kind, offset = reader.integer("<I"), reader.integer("<Q")
    if elements > 8 * reader.size or offset > reader.size:  # no format takes less than one bit an element
        raise reader.damaged()
    return GgufTensor(name=name, shape=shape[::-1], kind=kind, file=reader.path, offset=offset)


def _data_start(reader: _Reader, alignment: Value) -> int:
    if not isinstance(alignment, int) or alignment <= 0:
        raise reader.damaged("its alignment is no positive number")
    return -(-reader.file.tell() // alignment) * alignment


def _placed(tensor: GgufTensor, first: int) -> GgufTensor:
    return GgufTensor(
        name=tensor.name,
        shape=tensor.shape,
        kind=tensor.kind,
        file=tensor.file,
        offset=first + tensor.offset,
    )
