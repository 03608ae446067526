import struct
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import monotonic

import pytest
from tiny_folders import write_gguf

from opro_local.catalogue.gguf_header import (
    MOST_ENTRIES,
    MOST_TENSORS,
    MOST_VALUES,
    GgufHeader,
    read_gguf_header,
)
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


def read(folder: Path, data: bytes) -> GgufHeader:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return read_gguf_header(path)


def test_every_entry_and_the_place_of_every_tensor_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.metadata == {"general.license": "mit", "n": 7, "a": [-1, 1], "s": ["ab", "ab"]}
    assert (found.text("general.license"), found.text("n"), found.text("general.name")) == ("mit", None, None)
    (only,) = found.tensors
    start = -(-len(WHOLE) // 32) * 32
    # ggml names the fastest dimension first.
    assert (only.name, only.shape, only.kind, only.offset) == ("w", (2, 4), 0, start)


def test_offsets_count_from_the_alignment_that_the_file_names(tmp_path: Path) -> None:
    aligned = entry(b"general.alignment", 4, struct.pack("<I", 4096))
    (only,) = read(tmp_path, header(aligned, tensors=(tensor(b"w", 1, offset=8),))).tensors
    assert only.offset == 4096 + 8


@pytest.mark.parametrize("twice", [header(NUMBER, NUMBER), header(tensors=(tensor(b"w", 1),) * 2)])
def test_what_is_named_twice_is_damaged(twice: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is damaged: it names"):
        read(tmp_path, twice)


def test_a_file_of_the_gguf_library_is_accepted(tmp_path: Path) -> None:
    found = read_gguf_header(write_gguf(tmp_path / "tiny.gguf", template="{{ messages }}"))
    assert found.text("general.architecture") == "llama"
    assert found.text("tokenizer.chat_template") == "{{ messages }}"


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


def sparse(path: Path, begin: bytes, size: int) -> Path:
    """A file of that size which holds nothing but its beginning."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    "begin",
    [
        header(struct.pack("<Q", 2**29)),
        header(entry(b"k", 8, struct.pack("<Q", 2**29))),
        header(entry(b"k", 9, struct.pack("<IQ", 0, 2**29))),
        header(entry(b"k", 9, struct.pack("<IQ", 0, MOST_VALUES + 1))),
        header(entry(b"k", 9, struct.pack("<IQ", 8, MOST_VALUES + 1))),
        b"GGUF" + struct.pack("<IQQ", 3, MOST_TENSORS + 1, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, MOST_ENTRIES + 1),
    ],
)
def test_what_no_model_has_is_refused_though_the_file_holds_it(tmp_path: Path, begin: bytes) -> None:
    path = sparse(tmp_path / "model.gguf", begin, 2**30)
    before, begun = getrusage(RUSAGE_SELF).ru_maxrss, monotonic()
    with pytest.raises(ModelError, match="no model has more than") as caught:
        read_gguf_header(path)
    assert len(str(caught.value).splitlines()) == 1
    assert monotonic() - begun < 1
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_a_header_of_many_long_texts_ends_at_its_limit(tmp_path: Path) -> None:
    begin = header(entry(b"k", 9, struct.pack("<IQ", 8, 1000) + struct.pack("<Q", 60 * 2**20)))
    with pytest.raises(ModelError, match="or a header above 67108864 bytes"):
        read_gguf_header(
            sparse(tmp_path / "model.gguf", begin + bytes(60 * 2**20) + b"\xff\xff\xff" + bytes(5), 2**30)
        )


def test_other_files_and_versions_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a GGUF file"):
        read(tmp_path, b"PK\x03\x04 something")
    with pytest.raises(ModelError, match="has GGUF version 1"):
        read(tmp_path, header(version=1))
    with pytest.raises(ModelError, match="has GGUF version 3 in big-endian order"):
        read(tmp_path, header(version=3 << 24))
