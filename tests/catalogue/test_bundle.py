import subprocess
from pathlib import Path

import pytest
from tiny_folders import write_model_folder

from opro_local.catalogue import add, read_manifest, verify
from opro_local.errors import ModelError


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return add(write_model_folder(tmp_path / "tiny"), tmp_path / "models", name="tiny").path


def test_a_bundle_and_the_plain_folder_it_came_from_have_the_same_digest(
    bundle: Path, tmp_path: Path
) -> None:
    assert verify(bundle) == verify(tmp_path / "tiny")
    assert verify(bundle).startswith("model:sha256:")


def test_the_digest_depends_on_what_the_model_answers_with_and_on_nothing_else(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    first = verify(folder)
    (folder / "README.md").write_text("another card")
    assert verify(folder) == first
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert verify(folder) != first


def test_sha256sums_is_read_by_coreutils(bundle: Path) -> None:
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=bundle, capture_output=True, text=True)
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == [
        "MODEL.json: OK",
        "README.md: OK",
        "config.json: OK",
        "model.safetensors: OK",
        "tokenizer.json: OK",
    ]


def test_one_flipped_bit_is_found_and_the_file_named(bundle: Path) -> None:
    weights = bundle / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.safetensors differs from SHA256SUMS"):
        verify(bundle)


def test_a_deleted_file_is_named(bundle: Path) -> None:
    (bundle / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing, SHA256SUMS lists it"):
        verify(bundle)


def test_a_file_that_was_slipped_in_is_named(bundle: Path) -> None:
    (bundle / "chat_template.jinja").write_text("{{ messages }}")
    with pytest.raises(ModelError, match=r"chat_template\.jinja is not listed in SHA256SUMS"):
        verify(bundle)


def test_a_manifest_without_sums_is_not_trusted(bundle: Path) -> None:
    (bundle / "SHA256SUMS").unlink()
    with pytest.raises(ModelError, match="SHA256SUMS is missing"):
        verify(bundle)


def test_sums_may_not_point_out_of_the_folder(bundle: Path) -> None:
    (bundle / "SHA256SUMS").write_text(f"{'0' * 64}  ../tiny/config.json\n")
    with pytest.raises(ModelError, match="SHA256SUMS line 1"):
        verify(bundle)


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"schema_version": 2}'], ids=["cut off", "list", "empty", "newer"]
)
def test_a_damaged_manifest_is_one_clear_error(bundle: Path, content: str) -> None:
    (bundle / "MODEL.json").write_text(content)
    with pytest.raises(ModelError, match=r"MODEL\.json"):
        read_manifest(bundle)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"])
def test_pickled_weights_are_refused_even_beside_safetensors(tmp_path: Path, name: str) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    (folder / name).write_bytes(b"")
    with pytest.raises(ModelError, match=f"{name} may hold code"):
        verify(folder)


def test_python_files_are_refused(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    (folder / "modeling_tiny.py").write_text("print('hello')")
    with pytest.raises(ModelError, match=r"modeling_tiny\.py is code"):
        verify(folder)


def test_the_flag_that_older_transformers_wrote_is_harmless(tmp_path: Path) -> None:
    verify(write_model_folder(tmp_path / "tiny", {"_attn_implementation_autoset": True}))


def test_a_folder_without_configuration_or_weights_says_what_is_expected(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no \*\.safetensors file"):
        verify(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        verify(folder)


def test_templates_by_name_are_stored_and_part_of_the_digest(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    plain = verify(folder)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("{{ documents }}")
    assert verify(folder) != plain
    stored = add(folder, tmp_path / "models", name="tiny")
    assert stored.digest == verify(folder)
    named = stored.path / "additional_chat_templates" / "rag.jinja"
    assert f"  {named.relative_to(stored.path)}\n" in (stored.path / "SHA256SUMS").read_text()
    named.write_text("{{ others }}")
    with pytest.raises(ModelError, match=r"additional_chat_templates/rag\.jinja differs from SHA256SUMS"):
        verify(stored.path)
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("{{ tools }}")
    named.write_text("{{ documents }}")
    (stored.path / "additional_chat_templates" / "tool_use.jinja").write_text("{{ tools }}")
    with pytest.raises(ModelError, match=r"tool_use\.jinja is not listed in SHA256SUMS"):
        verify(stored.path)


def test_configuration_that_is_not_json_is_one_clear_error(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "tiny")
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"config\.json is not valid JSON"):
        verify(folder)
