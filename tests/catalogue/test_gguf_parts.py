from pathlib import Path

import pytest
from gguf import GGUFWriter

from opro_local.catalogue.files import file_sha256
from opro_local.catalogue.gguf_parts import gguf_parts, gguf_sha256, read_gguf
from opro_local.errors import ModelError


def write_part(path: Path, number: int, count: int, *tensors: str, total: int = 3) -> Path:
    import numpy as np

    writer = GGUFWriter(path, "llama")
    if number == 0:
        writer.add_name("Split")
    writer.add_uint16("split.no", number)
    writer.add_uint16("split.count", count)
    writer.add_int32("split.tensors.count", total)
    for name in tensors:
        writer.add_tensor(name, np.full(8, number, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def part(folder: Path, number: int, *tensors: str, says: int | None = None, total: int = 3) -> Path:
    path = folder / f"m-{number:05}-of-00002.gguf"
    return write_part(path, number - 1 if says is None else says, 2, *tensors, total=total)


def test_all_parts_are_one_model_whichever_is_named(tmp_path: Path) -> None:
    first, second = part(tmp_path, 1, "a", "b"), part(tmp_path, 2, "c")
    for named in (first, second):
        assert gguf_parts(named) == (first, second)
        model = read_gguf(named)
        assert model.text("general.name") == "Split"
        assert [(tensor.name, tensor.file) for tensor in model.tensors] == [
            ("a", first),
            ("b", first),
            ("c", second),
        ]


def test_the_parts_end_as_the_named_one_does(tmp_path: Path) -> None:
    first, second = (
        write_part(tmp_path / f"M-{number:05}-OF-00002.GGUF", number - 1, 2, name, total=2)
        for number, name in ((1, "a"), (2, "b"))
    )
    assert gguf_parts(second) == (first, second)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"part 2 of 2 is missing \(m-00002-of-00002.gguf\)"):
        read_gguf(part(tmp_path, 1, "a", "b"))


def test_a_part_under_another_name_cannot_find_the_others(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is one of 2 parts and is not named so"):
        read_gguf(part(tmp_path, 1, "a", "b").rename(tmp_path / "model.gguf"))


@pytest.mark.parametrize(("tensors", "says"), [(("c",), 0), (("b",), 1), (("c", "d"), 1)])
def test_parts_that_do_not_belong_together_are_refused(
    tensors: tuple[str, ...], says: int, tmp_path: Path
) -> None:
    part(tmp_path, 2, *tensors, says=says)
    with pytest.raises(ModelError, match=r"says that it is another part|do not belong together"):
        read_gguf(part(tmp_path, 1, "a", "b"))


def test_the_hash_is_that_of_the_file_or_of_all_parts(tmp_path: Path) -> None:
    alone = write_part(tmp_path / "alone.gguf", 0, 1, "a", total=1)
    assert gguf_sha256(alone) == file_sha256(alone)
    first, second = part(tmp_path, 1, "a", "b"), part(tmp_path, 2, "c")
    before = gguf_sha256(first)
    assert before == gguf_sha256(second) != file_sha256(first)
    part(tmp_path, 2, "d")
    assert gguf_sha256(first) != before
