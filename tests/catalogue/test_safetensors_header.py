"""How large an element of each type is, by the format's own table and not by ours."""

import json
from pathlib import Path

import pytest

from opro_local.catalogue.safetensors_header import StoredTensor, read_header
from opro_local.errors import ModelError

BYTES_OF_EIGHT = {
    4: ("F4",),
    6: ("F6_E2M3", "F6_E3M2"),
    8: ("BOOL", "U8", "I8", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "F8_E8M0"),
    16: ("I16", "U16", "F16", "BF16"),
    32: ("I32", "U32", "F32"),
    64: ("I64", "U64", "F64", "C64"),
}


def written(path: Path, dtype: str, size: int) -> Path:
    """A file of one tensor of eight elements that has size bytes."""
    entry = {"dtype": dtype, "shape": [2, 4], "data_offsets": [0, size]}
    header = json.dumps({"a": entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return path


@pytest.mark.parametrize(
    ("size", "dtype"), [(size, dtype) for size, types in BYTES_OF_EIGHT.items() for dtype in types]
)
def test_a_tensor_fills_its_span_by_the_size_of_its_type(tmp_path: Path, size: int, dtype: str) -> None:
    file = written(tmp_path / "model.safetensors", dtype, size)
    tensor = StoredTensor(file=file.name, dtype=dtype, shape=(2, 4))
    assert read_header(file) == {"a": tensor}
    assert tensor.elements == 8
    for wrong in (size - 1, size + 1):
        with pytest.raises(ModelError, match="is not described as the format has it"):
            read_header(written(tmp_path / "model.safetensors", dtype, wrong))
