import json
import re
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tiny_folders import write_model_folder
from tiny_models import save_tiny_model

from opro_local.catalogue import load_catalogue, pull
from opro_local.cli.model import model
from opro_local.config import Folders
from opro_local.engine import FamilyCheck
from opro_local.errors import ModelError

pytestmark = pytest.mark.usefixtures("made_up_folders")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(models=tmp_path / "models", runs=tmp_path / "runs")


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    return str(write_model_folder(tmp_path / "tiny"))


def call(folders: Folders, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(model, arguments, obj=folders, input=answer)


def test_list_has_a_line_for_each_model_and_says_what_is_stored(folders: Folders, tiny: str) -> None:
    call(folders, "add", tiny, "--as", "phi-4")
    call(folders, "add", tiny, "--as", "my-own")
    lines = call(folders, "list").stdout.splitlines()
    assert len(lines) == len(load_catalogue()) + 1
    shown = {line.split()[0]: line.split()[1:] for line in lines}
    assert shown["llama-3.2-1b"] == ["1.24B", "chat", "llama3.2", "(gated)", "-"]
    assert shown["gemma-3-270m"] == ["0.268B", "pre-trained", "gemma", "(gated)", "-"]
    assert shown["phi-4"] == ["14.7B", "chat", "mit", "folder"]
    assert shown["my-own"] == ["-", "pre-trained", "mit", "folder"]


def test_list_as_json_is_one_object_a_line(folders: Folders) -> None:
    rows = [json.loads(line) for line in call(folders, "list", "--json").stdout.splitlines()]
    assert {row["schema_version"] for row in rows} == {1}
    assert next(row for row in rows if row["name"] == "mistral-7b") == {
        "schema_version": 1,
        "name": "mistral-7b",
        "parameters_billions": 7.25,
        "chat": True,
        "licence": "apache-2.0",
        "gated": False,
        "stored": None,
    }


def test_show_plans_the_memory_of_a_stored_model(folders: Folders, tmp_path: Path) -> None:
    call(folders, "add", str(save_tiny_model(tmp_path / "llama", "llama")), "--as", "small")
    line = next(line for line in call(folders, "show", "small").stdout.splitlines() if "GB" in line)
    assert re.fullmatch(r"memory: at most \d+\.\d\d GB on .* for small \(.*\); \d+\.\d GB free", line)
    facts = json.loads(call(folders, "show", "small", "--json").stdout)["memory"]
    assert facts["weights"] > 0
    assert facts["peak"] >= facts["process"] + facts["weights"] + facts["forward"]


def test_show_says_why_there_is_no_plan_for_a_damaged_model(folders: Folders, tiny: str) -> None:
    call(folders, "add", tiny, "--as", "broken")
    assert "memory: broken: its tokenizer cannot be loaded" in call(folders, "show", "broken").stdout
    assert json.loads(call(folders, "show", "broken", "--json").stdout)["memory"] is None


def test_show_tells_whether_a_model_thinks(folders: Folders) -> None:
    assert "thinking: no" in call(folders, "show", "llama-3.2-1b").stdout
    assert "enable_thinking" in call(folders, "show", "qwen3-8b").stdout
    assert "thinking: always" in call(folders, "show", "olmo-3-7b-think").stdout


FOUND = FamilyCheck(
    family="llama",
    level="E2",
    reason="it is so",
    choice_gap=2e-6,
    token_gap=1e-6,
    greedy_equal=True,
    transformers="5.23.0",
)


def families_asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every family that is checked from now on; none is built."""
    asked: list[str] = []

    def check(family: str) -> FamilyCheck:
        asked.append(family)
        return FOUND

    monkeypatch.setattr("opro_local.wiring.models.check_family", check)
    return asked


def test_show_checks_the_family_when_asked(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = families_asked_for(monkeypatch)
    shown = call(folders, "show", "llama-3.2-1b", "--check").stdout
    assert "check: a tiny random llama runs at E2: it is so" in shown
    assert "by at most 2.0e-06 nats a choice and 1.0e-06 a token (fp32); greedy replies are equal" in shown
    facts = json.loads(call(folders, "show", "llama-3.2-1b", "--check", "--json").stdout)
    assert (facts["check"]["level"], facts["check"]["choice_gap"]) == ("E2", 2e-6)
    assert asked == ["llama", "llama"]
    assert "check" not in json.loads(call(folders, "show", "llama-3.2-1b", "--json").stdout)
    assert asked == ["llama", "llama"], "nothing is built unless asked for"


@pytest.mark.parametrize(
    "wrong",
    [
        replace(FOUND, choice_gap=2e-4),
        replace(FOUND, token_gap=float("inf")),
        replace(FOUND, greedy_equal=False),
    ],
)
def test_a_family_that_is_not_exact_is_refused_by_the_check(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, wrong: FamilyCheck
) -> None:
    monkeypatch.setattr("opro_local.wiring.models.check_family", lambda _family: wrong)
    result = call(folders, "show", "llama-3.2-1b", "--check")
    assert isinstance(result.exception, ModelError)
    assert "Do not trust scores of this family here." in str(result.exception)


def test_a_stored_model_of_ones_own_is_checked_by_its_config(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(folders, "add", str(save_tiny_model(tmp_path / "neox", "gpt-neox")), "--as", "mine")
    asked = families_asked_for(monkeypatch)
    call(folders, "show", "mine", "--check")
    assert asked == ["gpt_neox"]


def test_show_tells_the_licence_and_how_to_get_what_is_not_stored(folders: Folders) -> None:
    shown = call(folders, "show", "llama-3.2-1b").stdout
    assert "licence: llama3.2 (gated)" in shown
    assert "https://huggingface.co/meta-llama/Llama-3.2-1B-Instruct" in shown
    assert "`opro-local model pull llama-3.2-1b`" in shown


def test_show_tells_what_is_stored(folders: Folders, tiny: str) -> None:
    call(folders, "add", tiny, "--as", "phi-4")
    shown = call(folders, "show", "phi-4").stdout
    assert "source: folder" in shown
    assert f"folder: {folders.models / 'phi-4'}" in shown
    facts = json.loads(call(folders, "show", "phi-4", "--json").stdout)
    assert facts["spec"]["hub"] == "microsoft/phi-4"
    assert facts["stored"]["licence"] == "mit"


def test_show_of_an_unknown_name_is_a_model_error(folders: Folders) -> None:
    assert isinstance(call(folders, "show", "nothing").exception, ModelError)


def test_add_prints_digest_and_folder(folders: Folders, tiny: str) -> None:
    added = json.loads(call(folders, "add", tiny, "--as", "mine", "--json").stdout)
    assert (added["name"], added["folder"]) == ("mine", str(folders.models / "mine"))
    assert added["digest"].startswith("model:sha256:")
    assert added["stored"]["source"] == "folder"
    assert "mine ok" in call(folders, "verify", "mine").stdout


def test_verify_reads_all_models_and_stops_at_the_first_that_differs(folders: Folders, tiny: str) -> None:
    call(folders, "add", tiny, "--as", "a")
    call(folders, "add", tiny, "--as", "b")
    names = [json.loads(line)["name"] for line in call(folders, "verify", "--json").stdout.splitlines()]
    assert names == ["a", "b"]
    (folders.models / "b" / "model.safetensors").write_bytes(b"weightz")
    damaged = call(folders, "verify")
    assert isinstance(damaged.exception, ModelError)
    assert "model.safetensors differs" in str(damaged.exception)


def test_verify_of_what_is_not_stored_is_a_model_error(folders: Folders) -> None:
    assert "No model 'phi-4' is stored" in str(call(folders, "verify", "phi-4").exception)


def test_rm_asks_before_it_deletes(folders: Folders, tiny: str) -> None:
    call(folders, "add", tiny, "--as", "mine")
    assert call(folders, "rm", "mine", answer="n\n").exit_code == 1
    assert (folders.models / "mine").exists()
    assert call(folders, "rm", "mine", answer="y\n").exit_code == 0
    assert not (folders.models / "mine").exists()
    call(folders, "add", tiny, "--as", "mine")
    removed = call(folders, "rm", "mine", "--yes", "--json")
    assert json.loads(removed.stdout) == {"schema_version": 1, "name": "mine", "removed": True}


def test_pull_shows_the_licence_first_and_knows_the_catalogue_only(folders: Folders) -> None:
    refused = call(folders, "pull", "gemma-3-1b")  # the tests' environment is offline
    assert refused.stderr == "Gemma 3 1B Instruct, licence gemma (gated)\n"
    assert "HF_HUB_OFFLINE is set" in str(refused.exception)
    assert "'my-own' is not in the catalogue" in str(call(folders, "pull", "my-own").exception)


def test_pull_of_a_stored_model_from_another_source_says_to_remove_it(folders: Folders, tiny: str) -> None:
    call(folders, "add", tiny, "--as", "phi-4")
    assert call(folders, "pull", "phi-4").exit_code == 0
    with pytest.raises(ModelError, match=r"stored already from folder .*model rm phi-4"):
        pull(load_catalogue()["phi-4"], folders.models, kind="hub")


def test_every_command_and_option_has_help() -> None:
    for command in model.commands.values():
        assert command.help
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        assert all(option.help for option in options), command.name
