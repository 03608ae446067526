import json
from pathlib import Path

import pytest
from tiny_folders import write_model_folder, write_safetensors

from opro_local.catalogue import add, open_stored, remove, stored_names
from opro_local.catalogue.model_store import Origin, store
from opro_local.errors import ModelError, SettingsError


def test_an_added_folder_is_copied_with_its_licence_and_described(tmp_path: Path) -> None:
    source = write_model_folder(tmp_path / "source")
    (source / "notes.txt").write_text("mine")
    (source / "chat_template.jinja").write_text("hello")
    stored = add(source, tmp_path / "models", name="tiny")
    assert stored.path == tmp_path / "models" / "tiny"
    assert not (stored.path / "notes.txt").exists()
    assert stored.manifest is not None
    assert stored.manifest.model_dump() == {
        "schema_version": 1,
        "name": "tiny",
        "source": "folder",
        "revision": None,
        "licence": "mit",
        "base_model": None,
        "quantize": "none",
        "dtype": "bfloat16",
        "chat_template_sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "size_bytes": sum(len(path.read_bytes()) for path in source.iterdir() if path.name != "notes.txt"),
        "created_by": stored.manifest.created_by,
        "quantized_share": None,
        "gguf_import": None,
    }


def test_the_links_of_a_hub_cache_become_files(tmp_path: Path) -> None:
    source = write_model_folder(tmp_path / "blobs")
    links = tmp_path / "snapshot"
    links.mkdir()
    for path in source.iterdir():
        (links / path.name).symlink_to(path)
    stored = add(links, tmp_path / "models", name="tiny")
    assert not any(path.is_symlink() for path in stored.path.iterdir())


def test_a_bundle_carried_to_another_machine_keeps_its_origin(tmp_path: Path) -> None:
    def fetch(folder: Path) -> Origin:
        write_model_folder(folder / "x")
        for path in (folder / "x").iterdir():
            path.rename(folder / path.name)
        (folder / "x").rmdir()
        return Origin(source="hub some/repo", revision="abc", licence="mit", base_model="some/base")

    first = store("tiny", tmp_path / "here", fetch=fetch)
    second = add(first.path, tmp_path / "there", name="renamed")
    assert second.manifest is not None
    assert (second.manifest.name, second.manifest.source) == ("renamed", "hub some/repo")
    assert (second.manifest.revision, second.manifest.base_model) == ("abc", "some/base")
    assert second.digest == first.digest


def test_a_damaged_bundle_is_not_added(tmp_path: Path) -> None:
    bundle = add(write_model_folder(tmp_path / "source"), tmp_path / "here", name="tiny").path
    (bundle / "tokenizer.json").write_text("{ }")
    with pytest.raises(ModelError, match=r"tokenizer\.json differs"):
        add(bundle, tmp_path / "there", name="tiny")


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    source = write_model_folder(tmp_path / "source")
    add(source, tmp_path / "models", name="tiny")
    with pytest.raises(ModelError, match="'tiny' is stored already"):
        add(source, tmp_path / "models", name="tiny")


@pytest.mark.parametrize("name", ["", "..", "../tiny", "a/b", ".hidden", "-x", "a b"])
def test_a_name_is_one_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a model"):
        add(write_model_folder(tmp_path / "source"), tmp_path / "models", name=name)


def test_a_failed_fetch_leaves_no_model(tmp_path: Path) -> None:
    def fetch(folder: Path) -> Origin:
        (folder / "model.safetensors").write_bytes(b"half of i")
        raise ModelError("the line went dead")

    with pytest.raises(ModelError, match="the line went dead"):
        store("tiny", tmp_path, fetch=fetch)
    assert stored_names(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [".tiny.lock"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "models" / ".tiny.partial" / "dense").mkdir(parents=True)
    assert stored_names(tmp_path / "models") == []
    add(write_model_folder(tmp_path / "source"), tmp_path / "models", name="tiny")
    assert stored_names(tmp_path / "models") == ["tiny"]


def test_a_name_that_another_process_stored_first_is_opened_as_it_is(tmp_path: Path) -> None:
    first = add(write_model_folder(tmp_path / "source"), tmp_path / "models", name="tiny")

    def fetch(folder: Path) -> Origin:
        raise AssertionError(f"fetched again into {folder}")

    assert store("tiny", tmp_path / "models", fetch=fetch) == first
    assert open_stored("tiny", tmp_path / "models") == first


@pytest.mark.parametrize(
    ("settings", "tensors", "form"),
    [
        (
            {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
            {"w": "U8", "w.absmax": "U8", "w.quant_map": "F32", "w.quant_state.bitsandbytes__nf4": "U8"},
            "nf4",
        ),
        ({"load_in_8bit": True}, {"x.weight": "I8", "x.SCB": "F32"}, "int8"),
    ],
)
def test_weights_that_are_quantised_already_are_described_and_not_quantised_again(
    tmp_path: Path, settings: dict[str, object], tensors: dict[str, str], form: str
) -> None:
    source = write_model_folder(tmp_path / "source", {"quantization_config": settings})
    write_safetensors(source / "model.safetensors", {name: (dtype, [8]) for name, dtype in tensors.items()})
    stored = add(source, tmp_path / "models", name="tiny")
    assert stored.manifest is not None
    assert stored.manifest.quantize == form
    with pytest.raises(ModelError, match=rf"quantised already \({form}\)"):
        add(source, tmp_path / "models", name="again", quantize="nf4")


def test_a_template_inside_the_tokenizer_configuration_counts(tmp_path: Path) -> None:
    source = write_model_folder(tmp_path / "source")
    (source / "tokenizer_config.json").write_text(json.dumps({"chat_template": "hello"}))
    stored = add(source, tmp_path / "models", name="tiny")
    assert stored.manifest is not None
    assert str(stored.manifest.chat_template_sha256).startswith("2cf24dba5fb0a30e")  # sha256 of "hello"


def test_a_card_without_a_licence_gives_none(tmp_path: Path) -> None:
    source = write_model_folder(tmp_path / "source")
    (source / "README.md").write_text("# license: not in a front matter\n")
    stored = add(source, tmp_path / "models", name="tiny")
    assert stored.manifest is not None
    assert stored.manifest.licence is None


def test_removing_deletes_the_model_and_an_unfinished_download(tmp_path: Path) -> None:
    add(write_model_folder(tmp_path / "source"), tmp_path / "models", name="tiny")
    (tmp_path / "models" / ".tiny.download").mkdir()
    remove("tiny", tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []
    with pytest.raises(ModelError, match="No model 'tiny' is stored"):
        remove("tiny", tmp_path / "models")


def test_neither_a_folder_nor_a_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.zip").write_bytes(b"")
    with pytest.raises(ModelError, match="neither a model folder nor a GGUF file"):
        add(tmp_path / "weights.zip", tmp_path / "models", name="tiny")
    with pytest.raises(ModelError, match="does not exist"):
        add(tmp_path / "nothing.gguf", tmp_path / "models", name="tiny")


@pytest.mark.parametrize(
    ("source", "refused"), [("gguf a.gguf", True), ("package p a", True), ("hub a", False)]
)
def test_a_gguf_file_that_an_older_version_imported_is_refused(
    source: str, refused: bool, tmp_path: Path
) -> None:
    fetched = write_model_folder(tmp_path / "fetched")

    def fetch(folder: Path) -> Origin:
        for path in fetched.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        return Origin(source=source)  # older ones do not tell the version of the import

    if not refused:
        assert store("old", tmp_path / "models", fetch=fetch).name == "old"
        return
    with pytest.raises(ModelError, match=r"old was imported from GGUF by an older opro-local.*model rm old"):
        store("old", tmp_path / "models", fetch=fetch)
    with pytest.raises(ModelError, match="by an older opro-local"):  # and it is no way round to copy it
        add(tmp_path / "models" / "old", tmp_path / "models", name="new")
