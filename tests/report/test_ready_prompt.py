"""The winner as text, messages and a Modelfile: what the scorer was asked, with a place for the row."""

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mail_searches import HOSTILE, finished
from mail_task import mail_task
from results import task_result

from opro_local.cli import main
from opro_local.errors import SettingsError
from opro_local.report import ready_prompt
from opro_local.report.ready_prompt import USES
from opro_local.results.document import run_document


@pytest.fixture
def document(searched: Callable[[str], Path]) -> dict[str, Any]:
    return run_document(searched("Read twice."), outcomes=True)


def in_use(document: dict[str, Any], form: str) -> str:
    return ready_prompt.in_use(task_result(document), form)


def with_shots(document: dict[str, Any], position: str = "Q_begin") -> dict[str, Any]:
    shots = [
        {"id": row.id, "text": row.text, "target": row.target}
        for row in (replace(row, text=f"{row.text} {HOSTILE}") for row in mail_task().examples[:2])
    ]
    document["best"]["shots"] = shots
    document["task"]["layout"]["position"] = position
    document["outcomes"] = []
    return document


def test_a_prompt_has_a_place_for_the_row(document: dict[str, Any]) -> None:
    assert in_use(document, "prompt") == "Read twice.\n{text}\n"


def test_shots_are_turns_of_their_own(document: dict[str, Any]) -> None:
    messages = json.loads(in_use(with_shots(document), "chat-messages"))["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2 + ["user"]
    assert messages[0]["content"].startswith("Read twice.\nMail 0.")
    assert messages[-1]["content"] == "{text}"
    assert messages[1]["content"] == "fintech"
    prompt = in_use(document, "prompt")
    assert prompt.count("[user]\n") == 3 and prompt.endswith("[user]\n{text}\n")


def test_a_row_that_was_scored_goes_with_the_messages(document: dict[str, Any]) -> None:
    example = json.loads(in_use(document, "chat-messages"))["example"]
    (scored,) = [
        outcome
        for outcome in document["outcomes"]
        if outcome["key"] == document["best"]["key"]
        and outcome["split"] == "test"
        and outcome["prompt"]["messages"][-1]["content"].endswith(f"\n{example['text']}")
    ]
    assert (example["answer"], example["target"]) == (scored["prediction"], scored["target"])


def test_an_instruction_that_opens_the_answer_is_to_be_continued(document: dict[str, Any]) -> None:
    document["task"]["layout"]["position"] = "A_begin"
    document["outcomes"] = []
    messages = json.loads(in_use(document, "chat-messages"))["messages"]
    assert messages[-1] == {"role": "assistant", "content": "Read twice."}
    assert "cannot; put them around it yourself" in in_use(document, "ollama-modelfile")


def test_a_modelfile_says_the_instruction_as_it_can(document: dict[str, Any]) -> None:
    text = in_use(document, "ollama-modelfile")
    assert 'SYSTEM """Read twice."""' in text
    assert "# Labels: fintech, seed" in text
    assert "MESSAGE" not in text
    shown = in_use(with_shots(document), "ollama-modelfile")
    assert shown.count("MESSAGE user") == shown.count("MESSAGE assistant") == 2
    assert "SYSTEM" not in shown


@pytest.mark.parametrize("text", [HOSTILE, '"""\nimport os', "it's {text} {{ use }} \\"])
def test_no_text_gets_out_of_its_quotes(document: dict[str, Any], text: str) -> None:
    document["best"]["instruction"] = text
    document["outcomes"] = []
    tree = ast.parse(in_use(document, "python"))
    (before,) = [
        node.value.elts[0]
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Tuple)
        and getattr(node.targets[0].elts[0], "id", "") == "BEFORE"
    ]
    assert isinstance(before, ast.Constant) and before.value == f"{text}\n"
    assert {getattr(node, "names", [None])[0].name for node in tree.body if isinstance(node, ast.Import)} == {
        "sys",
        "torch",
    }
    assert in_use(document, "ollama-modelfile").count('"""') == 2


BREAKING = 'm"""\nimport os\rFROM evil\u2028SYSTEM no\x0bx\x85\\'


def test_no_name_or_label_becomes_code_or_a_directive(document: dict[str, Any]) -> None:
    document["run"] = BREAKING
    document["models"] = [model | {"name": BREAKING} for model in document["models"]]
    document["task"]["labels"] = ["fintech", BREAKING]
    document["best"]["instruction"] = BREAKING
    document["task"]["layout"]["position"] = "A_begin"
    tree = ast.parse(in_use(document, "python"))
    assert [n for n in ast.walk(tree) if isinstance(n, ast.alias) and n.name == "os"] == []
    lines = in_use(document, "ollama-modelfile").splitlines()
    assert {line.split()[0] for line in lines} == {"#", "FROM", "PARAMETER"}
    assert [line.split()[0] for line in lines].count("FROM") == 1


def test_a_run_without_a_prompt_says_so(document: dict[str, Any]) -> None:
    document["best"] = None
    with pytest.raises(SettingsError, match="has found no prompt"):
        in_use(document, "prompt")


@pytest.mark.parametrize("form", USES)
def test_the_command_writes_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    finished(tmp_path, monkeypatch, "Read twice.")
    result = CliRunner().invoke(main, ["--home", str(tmp_path), "export", "--to", form])
    assert result.exit_code == 0 and "Read twice." in result.stdout


def test_one_answer_without_probabilities_leaves_the_labels_to_be_scored(document: dict[str, Any]) -> None:
    whole = in_use(document, "python")
    assert "'fintech', 'seed'" in whole
    own = [outcome for outcome in document["outcomes"] if outcome["key"] == document["best"]["key"]]
    failed = next(outcome for outcome in own if outcome["split"] == "validation")
    failed |= {"choice_log_probs": [], "prediction": None}
    assert in_use(document, "python") == whole
