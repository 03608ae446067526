"""A folder is judged before anything of it is loaded; what could run code or is no model is refused."""

import json
from pathlib import Path

import pytest
from opro_local.engine.folder import ModelFolder, read_folder

from opro_local.errors import ModelError


def folder(path: Path, *, weights: int = 400, **config: object) -> Path:
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes(bytes(weights))
    return path


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"dtype": "bfloat16"}, 200),
        ({"torch_dtype": "float32"}, 100),
        ({"text_config": {"dtype": "float32"}}, 100),
        ({}, 200),
    ],
)
def test_parameters_are_counted_by_the_bytes_on_disk(
    tmp_path: Path, config: dict[str, object], parameters: int
) -> None:
    assert read_folder(folder(tmp_path, **config)) == ModelFolder(
        path=tmp_path, parameters=parameters, stored=None
    )


@pytest.mark.parametrize(
    ("quantised", "stored"),
    [
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "nf4"),
        ({"load_in_8bit": True, "load_in_4bit": False}, "int8"),
    ],
)
def test_stored_quantisation_is_read(tmp_path: Path, quantised: dict[str, object], stored: str) -> None:
    config = {"quant_method": "bitsandbytes"} | quantised
    assert read_folder(folder(tmp_path, quantization_config=config)).stored == stored


def test_other_quantisations_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="quantised by 'gptq'"):
        read_folder(folder(tmp_path, quantization_config={"quant_method": "gptq"}))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "old.ckpt", "weights.pkl", "a.pth"])
def test_pickles_are_refused(tmp_path: Path, name: str) -> None:
    (folder(tmp_path) / name).touch()
    with pytest.raises(ModelError, match=f"{name} is a pickle"):
        read_folder(tmp_path)


def test_code_in_the_folder_is_refused(tmp_path: Path) -> None:
    (folder(tmp_path) / "modeling_x.py").touch()
    with pytest.raises(ModelError, match="brings code"):
        read_folder(tmp_path)


@pytest.mark.parametrize("key", ["auto_map", "_attn_implementation", "attn_implementation"])
def test_keys_that_name_code_are_refused_wherever_they_stand(tmp_path: Path, key: str) -> None:
    folder(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"inner": {key: "x/y"}}))
    with pytest.raises(ModelError, match=r"tokenizer_config\.json names code"):
        read_folder(tmp_path)


def test_what_is_no_model_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"no config\.json"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(ModelError, match="cannot be read"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="not a JSON object"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no \.safetensors weights"):
        read_folder(tmp_path)
