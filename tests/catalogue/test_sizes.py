"""Sizes that config.json tells are held against the headers of the weights."""

import json
from pathlib import Path

import pytest
from tiny_folders import write_model_folder, write_safetensors

from opro_local.catalogue import verify
from opro_local.catalogue.folder import read_folder
from opro_local.errors import ModelError

Tensors = dict[str, tuple[str, list[int]]]

TWO: Tensors = {"a.weight": ("F32", [8, 4]), "b.weight": ("F32", [4])}


def model(path: Path, tensors: Tensors, **config: object) -> Path:
    folder = write_model_folder(path / "tiny", config)
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layer", "depth"])
def test_every_layer_has_a_tensor(tmp_path: Path, key: str) -> None:
    read_folder(model(tmp_path / "right", TWO, **{key: 2}))
    assert f"config.json has {key} 3, its weights hold 2 at most" in refusal(
        model(tmp_path / "wrong", TWO, **{key: 3})
    )


def test_layers_are_bounded_whatever_the_weights_hold(tmp_path: Path) -> None:
    many: Tensors = {f"t{i}": ("F32", [1]) for i in range(1_200)}
    assert "num_hidden_layers 1100, its weights hold 1000 at most" in refusal(
        model(tmp_path, many, num_hidden_layers=1_100)
    )


@pytest.mark.parametrize(
    "key", ["vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "num_experts"]
)
def test_no_width_is_beyond_the_largest_tensor(tmp_path: Path, key: str) -> None:
    read_folder(model(tmp_path / "right", TWO, **{key: 64}))  # 32 bytes may be 64 numbers
    assert f"config.json has {key} 65, its weights hold 64 at most" in refusal(
        model(tmp_path / "wrong", TWO, text_config={key: 65})
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"num_attention_heads": 4, "num_key_value_heads": False}, "4 attention heads for False"),
        ({"sliding_window": {"a": 1}}, "a sliding_window that is no number"),
        ({"hidden_size": float("nan")}, "hidden_size nan; no model has that"),
    ],
)
def test_sizes_of_the_wrong_kind_are_refused(tmp_path: Path, config: dict[str, object], said: str) -> None:
    assert said in refusal(model(tmp_path, TWO, **config))


def test_more_tensors_than_any_model_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opro_local.catalogue.weights.MOST_TENSORS", 1)
    assert "its weights are 2 tensors; 1 are read" in refusal(model(tmp_path, TWO))


def test_a_tensor_without_numbers_is_no_weight(tmp_path: Path) -> None:
    assert "its weights hold no tensor" in refusal(model(tmp_path, {"a": ("F32", [0, 7])}))


def test_a_header_longer_than_is_read_is_refused_unread(tmp_path: Path) -> None:
    folder = model(tmp_path, TWO)
    with (folder / "model.safetensors").open("wb") as file:
        file.write((50_000_000).to_bytes(8, "little"))
        file.truncate(60_000_000)  # sparse
    assert "has a header of 50000000 bytes; at most 40000000 are read" in refusal(folder)


def test_a_text_longer_than_is_read_is_refused_unread(tmp_path: Path) -> None:
    folder = model(tmp_path, TWO)
    with (folder / "tokenizer.json").open("ab") as file:
        file.truncate(2**33)
    assert "tokenizer.json has 8589934592 bytes; at most 100000000 are read" in refusal(folder)


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ("é".encode("utf-16"), "SHA256SUMS is not UTF-8 text"),
        (b"0" * 64 + b"  caf\xe9.json\n", "SHA256SUMS is not UTF-8 text"),
        (b"0" * 64 + b"  " + b"a" * 5_000 + b"\n", "is missing, SHA256SUMS lists it"),
        (b"0" * 64 + b"  a\0b\n", "is missing, SHA256SUMS lists it"),
        (b"0" * 64 + b"  ..\n", "is missing, SHA256SUMS lists it"),
    ],
)
def test_sums_that_no_program_wrote_are_refused(tmp_path: Path, sums: bytes, said: str) -> None:
    folder = model(tmp_path, TWO)
    (folder / "SHA256SUMS").write_bytes(sums)
    with pytest.raises(ModelError, match=said):
        verify(folder)


def test_json_nested_deeper_than_calls_is_read_or_refused(tmp_path: Path) -> None:
    folder = model(tmp_path, TWO)
    entry: object = 1
    for _ in range(900):
        entry = [entry]
    (folder / "generation_config.json").write_text(json.dumps({"a": entry}))
    read_folder(folder)
    (folder / "generation_config.json").write_text('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}")
    assert "generation_config.json is not valid JSON" in refusal(folder)
