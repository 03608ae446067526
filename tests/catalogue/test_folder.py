"""A folder is judged by names, JSON and headers alone: what can never load is refused at once."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tiny_folders import write_model_folder, write_safetensors

from opro_local.catalogue import add
from opro_local.catalogue.folder import ModelFolder, read_folder
from opro_local.errors import ModelError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
INDEX = "model.safetensors.index.json"
PART_1, PART_2 = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


Tensors = dict[str, tuple[str, list[int]]]


def model(path: Path, tensors: Tensors | None = None, config: Mapping[str, object] | None = None) -> Path:
    folder = write_model_folder(path / "tiny", config or {})
    if tensors is not None:
        write_safetensors(folder / "model.safetensors", tensors)
    return folder


def in_parts(path: Path) -> Path:
    folder = model(path)
    (folder / "model.safetensors").unlink()
    write_safetensors(folder / PART_1, {"a": ("BF16", [2, 3])})
    write_safetensors(folder / PART_2, {"b": ("BF16", [5])})
    return indexed(folder, {"a": PART_1, "b": PART_2})


def indexed(folder: Path, placed: object) -> Path:
    (folder / INDEX).write_text(json.dumps({"weight_map": placed}))
    return folder


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64"])
def test_parameters_are_counted_by_shapes_whatever_config_json_says(tmp_path: Path, dtype: str) -> None:
    folder = model(tmp_path, {"a": (dtype, [10, 20]), "b": (dtype, [7])}, {"dtype": "float16"})
    assert read_folder(folder) == ModelFolder(path=folder, parameters=207, stored=None)


def test_a_byte_of_a_4_bit_weight_counts_as_two_and_its_scales_as_nothing(tmp_path: Path) -> None:
    packed: Tensors = {
        "x.weight": ("U8", [100, 1]),
        "x.weight.absmax": ("U8", [4]),
        "x.weight.quant_map": ("F32", [16]),
        "x.weight.nested_absmax": ("F32", [1]),
        "x.weight.nested_quant_map": ("F32", [256]),
        "x.weight.quant_state.bitsandbytes__nf4": ("U8", [90]),
        "head.weight": ("BF16", [3, 4]),
    }
    folder = model(
        tmp_path, packed, {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    )
    assert (read_folder(folder).parameters, read_folder(folder).stored) == (212, "nf4")


def test_a_second_copy_in_the_makers_format_is_neither_counted_nor_stored(tmp_path: Path) -> None:
    folder = model(tmp_path, {"a": ("BF16", [10])})
    write_safetensors(folder / "consolidated.safetensors", {"x": ("BF16", [1000])})
    write_safetensors(folder / "consolidated-00001-of-00002.safetensors", {"x": ("BF16", [1000])})
    (folder / "consolidated.safetensors.index.json").write_text("{}")
    assert read_folder(folder).parameters == 10
    stored = add(folder, tmp_path / "models", name="tiny")
    assert sorted(path.name for path in stored.path.glob("*safetensors*")) == ["model.safetensors"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("consolidated.safetensors", "in the maker's own format only, consolidated.safetensors; model.safe"),
        (
            "model.fp16.safetensors",
            "model.fp16.safetensors is not read; if it holds all the weights, rename it",
        ),
        ("model-00001-of-00002.safetensors", "a part, and model.safetensors.index.json that tells"),
    ],
)
def test_weights_under_another_name_are_told_from_missing_ones(
    tmp_path: Path, name: str, reason: str
) -> None:
    folder = model(tmp_path)
    (folder / "model.safetensors").rename(folder / name)
    assert reason in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_pointer_that_git_left_is_no_file(tmp_path: Path, name: str) -> None:
    folder = model(tmp_path)
    (folder / name).write_text(POINTER)
    assert f"{name} is a git-LFS pointer" in refusal(folder)


def test_files_that_are_empty_cut_off_or_longer_are_refused(tmp_path: Path) -> None:
    folder = model(tmp_path, {"a": ("F32", [10])})
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for part in (whole[:-1], whole + b"x", whole[:9]):
        file.write_bytes(part)
        assert "cut off" in refusal(folder)
    file.write_bytes(b"")
    assert "model.safetensors is empty" in refusal(folder)
    (folder / "tokenizer.json").write_bytes(b"")
    assert "is empty" in refusal(folder)


@pytest.mark.parametrize(
    "header",
    [
        b"not json at all",
        b"[]",
        b'{"a": {}}',
        b'{"a": {"dtype": "BF17", "shape": [1], "data_offsets": [0, 2]}}',
        b'{"a": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 2]}}',
        b'{"a": {"dtype": "BF16", "shape": [-1], "data_offsets": [0, -2]}}',
        b'{"a": {"dtype": "BF16", "shape": [1], "data_offsets": [1, 3]}}',
        b'{"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]},'
        b' "b": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}',
    ],
)
def test_a_header_that_the_format_does_not_allow_is_refused(tmp_path: Path, header: bytes) -> None:
    folder = model(tmp_path)
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    assert "damaged" in refusal(folder)


def test_parts_are_read_by_their_index(tmp_path: Path) -> None:
    assert read_folder(in_parts(tmp_path)).parameters == 11


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / INDEX).unlink(), f"{INDEX} that tells of all parts is missing"),
        (lambda folder: (folder / PART_2).unlink(), f"{PART_2} is missing, {INDEX} names it"),
        (lambda folder: indexed(folder, {"a": PART_1, "b": PART_2, "c": PART_2}), "c is in no file"),
        (lambda folder: indexed(folder, {"a": PART_1}), f"{PART_2} is no part of the model"),
        (lambda folder: indexed(folder, {"a": PART_2, "b": PART_2}), f"{PART_1} is no part of the model"),
        (
            lambda folder: indexed(folder, {"a": PART_2, "b": PART_1}),
            f"a is in {PART_1}, by {INDEX} in {PART_2}",
        ),
        (
            lambda folder: indexed(folder, {"a": PART_1, "b": "../b.safetensors"}),
            "../b.safetensors is missing",
        ),
        (lambda folder: indexed(folder, {}), f"{INDEX} has no weight_map"),
        (lambda folder: indexed(folder, ["a"]), f"{INDEX} has no weight_map"),
        (
            lambda folder: write_safetensors(folder / PART_2, {"a": ("BF16", [6])}),
            f"a is in {PART_1} and in {PART_2}",
        ),
        (
            lambda folder: write_safetensors(folder / PART_2, {"b": ("BF16", [5]), "c": ("BF16", [1])}),
            f"c is in {PART_2}, by {INDEX} in none",
        ),
        (
            lambda folder: write_safetensors(folder / "model.safetensors", {"a": ("BF16", [6])}),
            "lies beside the parts",
        ),
        (
            lambda folder: write_safetensors(folder / "extra.safetensors", {"z": ("BF16", [6])}),
            "extra.safetensors is no part",
        ),
        (
            lambda folder: (folder / "model.fp16.safetensors.index.json").write_text("{}"),
            "model.fp16.safetensors.index.json is not read",
        ),
    ],
)
def test_parts_and_index_must_say_the_same(
    tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    folder = in_parts(tmp_path)
    change(folder)
    assert said in refusal(folder)


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "I8", "U8", "F4", "F8_E8M0"])
def test_weights_of_a_type_that_is_not_run_are_refused(tmp_path: Path, dtype: str) -> None:
    folder = model(tmp_path, {"layers.0.weight": (dtype, [4, 4])})
    assert f"layers.0.weight is stored in {dtype}" in refusal(folder)


@pytest.mark.parametrize(
    "method", ["gptq", "awq", "fp8", "compressed-tensors", "mxfp4", "modelopt", "torchao"]
)
def test_quantisation_that_is_not_run_is_refused_by_name(tmp_path: Path, method: str) -> None:
    folder = model(tmp_path, config={"quantization_config": {"quant_method": method, "bits": 4}})
    assert f"its weights are quantised by {method!r}" in refusal(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"text_config": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}},
        {"compression_config": {"format": "pack-quantized"}},
        {"quantization_config": "gptq"},
        {"quantization_config": {"bits": 4}},
    ],
)
def test_quantisation_that_is_told_elsewhere_or_not_whole_is_refused(
    tmp_path: Path, entry: dict[str, object]
) -> None:
    assert "quantised by" in refusal(model(tmp_path, config=entry))


@pytest.mark.parametrize("name", ["hf_quant_config.json", "quantize_config.json", "quant_config.json"])
def test_a_file_that_tells_of_other_quantisation_is_refused(tmp_path: Path, name: str) -> None:
    folder = model(tmp_path)
    (folder / name).write_text("{}")
    assert f"{name} tells of quantised weights" in refusal(folder)


@pytest.mark.parametrize("bits", ["load_in_4bit", "load_in_8bit"])
def test_dense_weights_that_config_json_calls_packed_are_refused(tmp_path: Path, bits: str) -> None:
    folder = model(tmp_path, config={"quantization_config": {"quant_method": "bitsandbytes", bits: True}})
    assert "the files hold dense weights" in refusal(folder)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_beside_the_base_is_refused_with_the_way_to_merge_it(tmp_path: Path, name: str) -> None:
    folder = model(tmp_path)
    (folder / name).write_text("{}")
    assert f"{name} belongs to an adapter. Merge it: `opro-local model add" in refusal(folder)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no tokenizer.json, so no tokenizer"),
        ({"tokenizer.model": "x"}, "its tokenizer.model is not read"),
        ({"tekken.json": "{}"}, "its tekken.json is not read"),
        ({"vocab.json": "{}", "merges.txt": "x"}, "not for None"),
        (
            {
                "vocab.json": "{}",
                "merges.txt": "x",
                "tokenizer_config.json": '{"tokenizer_class": "LlamaTokenizer"}',
            },
            "not for LlamaTokenizer",
        ),
        (
            {"vocab.json": "{}", "tokenizer_config.json": '{"tokenizer_class": "GPT2Tokenizer"}'},
            "so no tokenizer",
        ),
    ],
)
def test_a_folder_whose_tokenizer_would_be_guessed_is_refused(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    folder = model(tmp_path)
    (folder / "tokenizer.json").unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
    assert said in refusal(folder)


@pytest.mark.parametrize("named", ["GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer"])
def test_vocabulary_and_merges_are_enough_for_classes_that_say_the_rest(tmp_path: Path, named: str) -> None:
    folder = model(tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("{}")
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": named}))
    read_folder(folder)


@pytest.mark.parametrize("name", ["tokenizer_config.json", "model.safetensors"])
def test_links_that_lead_nowhere_or_in_circles_are_refused(tmp_path: Path, name: str) -> None:
    folder = model(tmp_path)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(folder / "gone")
    assert f"{name} cannot be read" in refusal(folder)
    (folder / name).unlink()
    (folder / name).symlink_to(folder / name)
    assert f"{name} cannot be read" in refusal(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"auto_map": {"AutoModel": "modeling_tiny.Tiny"}},
        {"text_config": {"auto_map": {}}},
        {"parts": [{"_attn_implementation": "somebody/kernel"}]},
        {"_attn_implementation_internal": {"text": "somebody/kernel"}},
        {"attn_implementation": "somebody/kernel"},
        {"experts_implementation": "somebody/kernel"},
        {"transformers_weights": "other.safetensors"},
        {"use_kernels": True},
    ],
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_keys_that_name_code_or_other_files_are_refused_wherever_they_stand(
    tmp_path: Path, name: str, entry: dict[str, object]
) -> None:
    folder = model(tmp_path)
    (folder / name).write_text(json.dumps(entry))
    what = "read other weights" if "transformers_weights" in entry else "run foreign code"
    assert f"can make a library {what}" in refusal(folder)


def test_no_folder_and_json_that_is_none_are_one_line_each(tmp_path: Path) -> None:
    assert "no such model folder" in refusal(tmp_path / "nowhere")
    folder = model(tmp_path)
    (folder / "generation_config.json").write_text('{"eos_token_id": ')
    assert "generation_config.json is not valid JSON" in refusal(folder)
    (folder / "generation_config.json").write_text("[1]")
    assert "generation_config.json is not a JSON object" in refusal(folder)
