"""The child that tries to load a folder and merges adapters, with real tiny models through `model add`."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from tiny_adapters import write_adapter
from tiny_gguf import split_gguf, tiny_tensors, write_tiny_gguf
from tiny_models import LOADABLE, save_tiny_model
from tried_here import try_here

from opro_local.catalogue import add, stored_names, verify
from opro_local.catalogue.conversion import StoredQuantize
from opro_local.cli import main
from opro_local.errors import ModelError

pytestmark = pytest.mark.slow


def model_add(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "from opro_local.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "model", "add", *arguments],
        env={**os.environ, "OPRO_LOCAL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_cannot_load_is_refused_at_add_and_nothing_is_stored(tmp_path: Path) -> None:
    file = save_tiny_model(tmp_path / "tiny", "llama") / "model.safetensors"
    weights = load_file(file)
    weights["model.layers.0.self_attn.q_proj.bias"] = torch.ones(64)
    save_file(weights, file, metadata={"format": "pt"})
    done = model_add(tmp_path / "home", str(file.parent), "--as", "m")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert (
        "tiny: 1 tensor is unknown to LlamaForCausalLM, model.layers.0.self_attn.q_proj.bias" in done.stderr
    )
    assert stored_names(tmp_path / "home" / "models") == []


@pytest.mark.parametrize("quantize", [None, "nf4"])
def test_a_whole_folder_is_stored(
    tmp_path: Path, quantize: StoredQuantize | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if quantize is None:
        try_here(monkeypatch)
    else:  # the child that quantises is real; of the other this is its second work
        monkeypatch.setattr("opro_local.catalogue.adding.check_loads", lambda _folder, **_called: None)
    folder = save_tiny_model(tmp_path / "tiny", "llama")
    named = folder / "additional_chat_templates"
    named.mkdir()
    (named / "rag.jinja").write_text("{{ messages }}")
    stored = add(folder, tmp_path / "models", name="m", quantize=quantize)
    assert stored.manifest is not None
    assert stored.manifest.quantize == (quantize or "none")
    assert (stored.path / "additional_chat_templates" / "rag.jinja").exists()
    assert verify(stored.path) == stored.digest


@pytest.mark.usefixtures("tried_here")
def test_what_cannot_be_quantised_is_refused_by_the_name_it_was_to_have(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "tiny", "llama", size=replace(LOADABLE, hidden=80, heads=4))
    with pytest.raises(
        ModelError, match=r"^odd cannot be converted \(nf4\): none of its matrices has a size"
    ):
        add(folder, tmp_path / "models", name="odd", quantize="nf4")


@pytest.mark.usefixtures("made_up_folders")
def test_an_adapter_is_merged_into_the_base_that_is_named_or_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_tiny_model(tmp_path / "base", "llama")
    add(base, tmp_path / "home" / "models", name="my-base")
    adapter, change = write_adapter(tmp_path / "adapter", {"base_model_name_or_path": "my-base"})
    try_here(monkeypatch)
    monkeypatch.setenv("OPRO_LOCAL_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(main, ["model", "add", str(adapter), "--as", "tuned", "--json"])
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)["stored"]
    assert (facts["source"], facts["base_model"]) == ("adapter adapter on folder", "my-base")
    merged = load_file(tmp_path / "home" / "models" / "tuned" / "model.safetensors")
    name = "model.layers.1.self_attn.q_proj.weight"
    expected = load_file(base / "model.safetensors")[name] + change
    assert torch.equal(merged[name], expected)
    stored = add(adapter, tmp_path / "models", name="other", base=str(base))
    assert torch.equal(load_file(stored.path / "model.safetensors")[name], expected)


@pytest.mark.usefixtures("tried_here")
def test_the_tokenizer_of_an_adapter_replaces_that_of_its_base(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base", "llama")
    adapter, _ = write_adapter(tmp_path / "adapter", {"base_model_name_or_path": str(base)})
    (adapter / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}!{% endfor %}")
    stored = add(adapter, tmp_path / "models", name="tuned")
    assert (stored.path / "chat_template.jinja").read_text().endswith("!{% endfor %}")
    assert (stored.path / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    (adapter / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"^adapter: its tokenizer cannot be loaded"):
        add(adapter, tmp_path / "models", name="again")


@pytest.mark.usefixtures("made_up_folders", "tried_here")
def test_an_adapter_without_its_base_says_how_to_give_it(tmp_path: Path) -> None:
    adapter, _ = write_adapter(tmp_path / "adapter", {"base_model_name_or_path": "some/base"})
    with pytest.raises(
        ModelError, match=r"an adapter of some/base, which is not here\. Give its base: --base"
    ):
        add(adapter, tmp_path / "models", name="tuned")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors is missing; other formats"):
        add(adapter, tmp_path / "models", name="tuned")
    (adapter / "adapter_model.bin").rename(adapter / "adapter_model.safetensors")
    base = save_tiny_model(tmp_path / "base", "llama")
    with pytest.raises(ModelError, match="base is no adapter folder"):
        add(base, tmp_path / "models", name="tuned", base=str(base))
    packed = add(base, tmp_path / "models", name="packed", quantize="nf4")
    with pytest.raises(ModelError, match=r"its base packed is stored in nf4; adapters are merged into dense"):
        add(adapter, tmp_path / "models", name="tuned", base=packed.name)


def test_an_import_draws_its_progress_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf", "llama")
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes a pipe a terminal
    add(file, tmp_path / "models", name="shown")
    drawn = capfd.readouterr()
    assert drawn.out == ""
    assert "tiny.gguf" in drawn.err
    total = sum(array.nbytes for array in tiny_tensors("llama").values()) / 1000
    assert f"{total:.1f}/{total:.1f} kB" in drawn.err


@pytest.mark.usefixtures("tried_here")
def test_a_split_model_is_stored_and_a_missing_part_stores_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = write_tiny_gguf(tmp_path / "whole.gguf", "llama")
    parts = split_gguf(whole, str(tmp_path / "m-{:05}-of-00002.gguf"))
    stored = add(parts[0], tmp_path / "models", name="both")
    single = add(whole, tmp_path / "models", name="whole")
    assert capfd.readouterr() == ("", ""), "progress is drawn on terminals only"
    one, other = (load_file(each.path / "model.safetensors") for each in (stored, single))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    parts[1].unlink()
    with pytest.raises(ModelError, match="part 2 of 2 is missing"):
        add(parts[0], tmp_path / "models", name="half")
    assert stored_names(tmp_path / "models") == ["both", "whole"]
