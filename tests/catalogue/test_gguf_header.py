import struct
from pathlib import Path

import pytest
from tiny_folders import write_gguf

from opro_local.catalogue.gguf_header import read_gguf_header
from opro_local.errors import ModelError


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


def header(*entries: bytes, tensors: tuple[bytes, ...] = (), version: int = 3) -> bytes:
    counts = struct.pack("<IQQ", version, len(tensors), len(entries))
    return b"GGUF" + counts + b"".join(entries) + b"".join(tensors)


def tensor(name: bytes, *dimensions: int, offset: int = 0) -> bytes:
    shape = struct.pack("<I", len(dimensions)) + struct.pack(f"<{len(dimensions)}Q", *dimensions)
    return struct.pack("<Q", len(name)) + name + shape + struct.pack("<IQ", 0, offset)


TEXT = entry(b"general.license", 8, struct.pack("<Q", 3) + b"mit")
NUMBER = entry(b"n", 4, struct.pack("<I", 7))
NUMBERS = entry(b"a", 9, struct.pack("<IQ", 5, 2) + struct.pack("<ii", -1, 1))
TEXTS = entry(b"s", 9, struct.pack("<IQ", 8, 2) + 2 * (struct.pack("<Q", 2) + b"ab"))
WHOLE = header(TEXT, NUMBER, NUMBERS, TEXTS, tensors=(tensor(b"w", 4, 2),))


def read(folder: Path, data: bytes) -> dict[str, str]:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return read_gguf_header(path)


def test_text_entries_are_read_and_all_else_is_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE) == {"general.license": "mit"}


def test_a_file_of_the_gguf_library_is_accepted(tmp_path: Path) -> None:
    texts = read_gguf_header(write_gguf(tmp_path / "tiny.gguf", template="{{ messages }}"))
    assert texts["general.architecture"] == "llama"
    assert texts["tokenizer.chat_template"] == "{{ messages }}"


def test_a_header_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    for length in range(4, len(WHOLE)):
        with pytest.raises(ModelError, match="is damaged"):
            read(tmp_path, WHOLE[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"GGUF" + struct.pack("<IQQ", 3, 2**62, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62),
        header(struct.pack("<Q", 2**62) + b"key"),
        header(entry(b"k", 8, struct.pack("<Q", 2**62))),
        header(entry(b"k", 9, struct.pack("<IQ", 0, 2**62))),
        header(entry(b"k", 9, struct.pack("<IQ", 8, 2**62))),
        header(entry(b"k", 9, struct.pack("<IQ", 9, 1))),
        header(entry(b"k", 99, b"")),
        header(entry(b"k", 8, struct.pack("<Q", 1000) + b"short")),
        header(NUMBER)[:-1],
        header(NUMBERS)[:-1],
        header(tensors=(tensor(b"w", 2**62),)),
        header(tensors=(tensor(b"w", 2**20, 2**20),)),
        header(tensors=(tensor(b"w", 1, 1, 1, 1, 1),)),
        header(tensors=(tensor(b"w", 1, offset=2**40),)),
    ],
)
def test_counts_and_lengths_beyond_the_file_are_refused_at_once(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match="is damaged"):
        read(tmp_path, data)


def test_other_files_and_versions_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a GGUF file"):
        read(tmp_path, b"PK\x03\x04 something")
    with pytest.raises(ModelError, match="has GGUF version 1"):
        read(tmp_path, header(version=1))
