"""The report on exactness: its tables, the texts and the files that it is made with."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from exactness.gguf_files import kinds_of, write_dense
from exactness.imports import ImportCheck
from exactness.report import family_table, heading, import_table, stored_table
from exactness.strings import varied_strings
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import quantize

from opro_local.engine.family_check import FamilyCheck

FOUND = FamilyCheck(
    family="llama",
    level="E3",
    reason="",
    choice_gap=2e-6,
    token_gap=1e-6,
    greedy_equal=True,
    transformers="5.23.0",
)


def test_a_family_is_a_row_with_its_models_and_one_that_fails_says_why() -> None:
    lines = family_table([(FOUND, "phi, psi"), ("it is not built", "chi")]).splitlines()
    assert "| llama | phi, psi | E3 | 2.0e-06 | 1.0e-06 | equal |" in lines
    assert "| it is not built | chi | | | | |" in lines


def test_other_greedy_replies_are_not_passed_over() -> None:
    other = FamilyCheck(
        **{name: getattr(FOUND, name) for name in FamilyCheck.__slots__} | {"greedy_equal": False}
    )
    assert "| x | E3 | 2.0e-06 | 1.0e-06 | **differs** |" in stored_table({"x": other})


def test_an_import_is_a_row_and_without_llama_cpp_the_report_says_so() -> None:
    found = ImportCheck(
        name="a", kinds="F32", level="E2", gap=0.5, greedy_equal=True, ids_equal=199, version="1.2"
    )
    table = import_table({"a": found, "b": "not imported: no"})
    assert "xllamacpp 1.2" in table
    assert "| a | F32 | E2 | 5.0e-01 | equal | 199/200 |" in table
    assert "| b | not imported: no | | | | |" in table
    assert "not installed: not measured" in import_table({})


def test_the_heading_tells_day_machine_and_versions() -> None:
    text = heading(datetime(2026, 11, 27, tzinfo=UTC))
    assert "2026-11-27" in text and "transformers 5." in text and "measure_models.py" in text


def test_texts_are_varied_and_always_the_same() -> None:
    texts = varied_strings(200)
    assert texts == varied_strings(200)
    assert len(set(texts)) > 190
    joined = "".join(texts)
    assert all(part in joined for part in ("\u65e5\u672c", "\r\n", "  ", "<|im_end|>", "2024"))


def test_a_file_is_written_anew_in_fp32_with_values_of_bf16_and_all_its_keys(tmp_path: Path) -> None:
    values = np.linspace(-3, 3, 64, dtype=np.float32).reshape(2, 32)
    writer = GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_uint32("llama.block_count", 7)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_tensor(
        "token_embd.weight", quantize(values, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_dense(tmp_path / "a.gguf", tmp_path / "b.gguf")
    assert (kinds_of(tmp_path / "a.gguf"), kinds_of(tmp_path / "b.gguf")) == ("Q8_0", "F32")
    reader = GGUFReader(tmp_path / "b.gguf")
    assert reader.fields["llama.block_count"].contents() == 7
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    (tensor,) = reader.tensors
    assert np.abs(tensor.data - values).max() < 0.02
    assert not (tensor.data.view(np.uint32) & 0xFFFF).any(), "the low half of a bf16 value is empty"
