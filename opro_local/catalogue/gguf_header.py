"""Reads the header of a GGUF file, believing nothing in it.

The parser of the gguf package trusts counts and lengths: a file of 49 bytes can keep it busy for ever. So
every count is held against the size of the file before that parser sees it. Weights are not read here.
Format: GGUF version 2 and 3, little-endian (github.com/ggml-org/ggml, docs/gguf.md).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from opro_local.errors import ModelError

_STRING, _ARRAY = 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes by value type
_MAX_DIMENSIONS = 4


def read_gguf_header(path: Path) -> dict[str, str]:
    """The text entries of the metadata, such as general.license and general.name.

    Raises ModelError when the file is not GGUF, or claims more than its size can hold.
    """
    with path.open("rb") as file:
        reader = _Reader(path=path, file=file, size=path.stat().st_size)
        if file.read(4) != b"GGUF":
            raise ModelError(f"{path} is not a GGUF file.")
        version = reader.integer("<I")
        if version not in (2, 3):
            raise ModelError(f"{path} has GGUF version {version}; versions 2 and 3 are read.")
        tensors, entries = reader.count(24), reader.count(13)  # bytes of the shortest tensor and entry
        texts = _read_metadata(reader, entries)
        for _ in range(tensors):
            _check_tensor(reader)
        return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads numbers and texts, and refuses to go past the end of the file."""

    path: Path
    file: BinaryIO
    size: int

    def damaged(self) -> ModelError:
        return ModelError(
            f"{self.path} is damaged: its header claims more than the file holds. Fetch it again."
        )

    def integer(self, form: str) -> int:
        data = self.file.read(struct.calcsize(form))
        if len(data) < struct.calcsize(form):
            raise self.damaged()
        return int(struct.unpack(form, data)[0])

    def count(self, width: int) -> int:
        """A 64-bit count of things that take at least width bytes each."""
        number = self.integer("<Q")
        if number * width > self.size - self.file.tell():
            raise self.damaged()
        return number

    def text(self) -> str:
        return self.file.read(self.count(1)).decode("utf-8", "replace")

    def skip(self, width: int, count: int) -> None:
        self.file.seek(width * count, 1)
        if self.file.tell() > self.size:
            raise self.damaged()


def _read_metadata(reader: _Reader, entries: int) -> dict[str, str]:
    texts = {}
    for _ in range(entries):
        key, kind = reader.text(), reader.integer("<I")
        if kind == _STRING:
            texts[key] = reader.text()
        elif kind == _ARRAY:
            _skip_array(reader)
        else:
            reader.skip(_width(reader, kind), 1)
    return texts


def _skip_array(reader: _Reader) -> None:
    kind = reader.integer("<I")
    if kind == _STRING:
        for _ in range(reader.count(8)):
            reader.skip(1, reader.count(1))
    else:
        width = _width(reader, kind)
        reader.skip(width, reader.count(width))


def _width(reader: _Reader, kind: int) -> int:
    if kind not in _WIDTHS:  # an array of arrays too: no model uses one
        raise ModelError(f"{reader.path} is damaged: value type {kind} in its header. Fetch it again.")
    return _WIDTHS[kind]


def _check_tensor(reader: _Reader) -> None:
    reader.text()
    dimensions = reader.integer("<I")
    if dimensions > _MAX_DIMENSIONS:
        raise reader.damaged()
    elements = 1
    for _ in range(dimensions):
        elements *= reader.integer("<Q")
    reader.integer("<I")
    offset = reader.integer("<Q")
    if elements > 8 * reader.size or offset > reader.size:  # no format takes less than one bit an element
        raise reader.damaged()
