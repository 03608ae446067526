"""The winner in the forms of other programs: what the scorer was asked, with a place for the row."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jinja2 import Environment
from mail_searches import HOSTILE, finished
from mail_task import mail_task
from results import task_result

from opro_local.cli import main
from opro_local.errors import SettingsError
from opro_local.exports import forms
from opro_local.exports.forms import FORMS
from opro_local.exports.requests import choice_grammar
from opro_local.report.forms import in_form
from opro_local.results.document import run_document
from opro_local.results.result import read_result


def in_use(document: dict[str, Any], form: str) -> str:
    return forms.in_use(task_result(document), form)[0]


def lost(document: dict[str, Any], form: str) -> str:
    return " ".join(forms.in_use(task_result(document), form)[1])


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
    prompt, below = in_use(document, "prompt").split("\n\n")
    assert prompt == "Read twice.\n{text}"
    assert all(line.startswith("# ") for line in below.splitlines())


def test_shots_are_turns_of_their_own(document: dict[str, Any]) -> None:
    messages = json.loads(in_use(with_shots(document), "chat-messages"))["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant"] * 2 + ["user"]
    assert messages[0]["content"].startswith("Read twice.\nMail 0.")
    assert messages[-1]["content"] == "{text}"
    assert messages[1]["content"] == "fintech"
    prompt = in_use(document, "prompt")
    assert prompt.count("[user]\n") == 3 and prompt.partition("\n\n# ")[0].endswith("[user]\n{text}")


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
    assert "# Labels: fintech, seed." in text
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


@pytest.mark.parametrize("form", FORMS)
def test_the_command_writes_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    finished(tmp_path, monkeypatch, "Read twice.")
    result = CliRunner().invoke(main, ["--home", str(tmp_path), "export", "--to", form])
    assert result.exit_code == 0 and "Read twice." in result.stdout


def test_one_answer_without_probabilities_leaves_the_labels_to_be_scored(document: dict[str, Any]) -> None:
    whole = in_use(document, "python")
    assert "BIASES = {'fintech': 0.0, 'seed': 0.0}" in whole
    own = [outcome for outcome in document["outcomes"] if outcome["key"] == document["best"]["key"]]
    failed = next(outcome for outcome in own if outcome["split"] == "validation")
    failed |= {"choice_log_probs": [], "prediction": None}
    assert in_use(document, "python") == whole


LIKED = 3.0
"""Nats for the label fintech, more than the model is ever sure: without its bias all answers are fintech."""


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return finished(tmp_path, monkeypatch, "Read twice.", liking=LIKED)


def exported(home: Path, form: str) -> tuple[str, str]:
    result = CliRunner().invoke(main, ["--home", str(home), "export", "--to", form])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_a_score_without_its_calibration_is_measured(calibrated: Path) -> None:
    """Test has four rows of each label: with the biases all are right, without them half."""
    found = run_document(calibrated)
    assert (found["test"]["value"], found["test"]["n"]) == (1.0, 8)
    answering = found["answering"]
    assert (answering["mode"], answering["labels"]) == ("likelihood", ["fintech", "seed"])
    assert answering["biases"] == {"fintech": pytest.approx(-LIKED / 2), "seed": pytest.approx(LIKED / 2)}
    assert list(answering["biases"].values()) == found["best"]["calibration"]
    assert (answering["uncalibrated"]["value"], answering["uncalibrated"]["n"]) == (0.5, 8)
    assert answering["uncalibrated"]["interval"] == pytest.approx([0.2152, 0.7848], abs=1e-4)


@pytest.mark.parametrize("form", [*FORMS, "json", "csv", "html", "md", "csv-report", "txt"])
def test_every_form_holds_what_the_score_needs(calibrated: Path, tmp_path: Path, form: str) -> None:
    """Neither the labels nor the biases stood in most of them."""
    result = read_result(calibrated)
    match form:
        case "html" | "md":
            text = in_form(result, form).decode()
        case "csv-report":
            text = in_form(result, "csv").decode()
        case "txt":
            text = CliRunner().invoke(main, ["runs", "show", str(calibrated)]).stdout
        case _:
            text = exported(tmp_path, form)[0]
    text = text.replace("\\", "")
    assert "fintech" in text and "log-probability" in text and "1.5" in text
    if form not in ("json", "csv"):
        assert "0.500 [0.215, 0.785]" in text, "the score without calibration"


LOST = {
    "prompt": "",
    "python": "",
    "chat-messages": "Likelihood scoring Calibration",
    "openai-json": "Likelihood scoring Calibration",
    "llama-cpp": "Likelihood scoring Calibration",
    "ollama-modelfile": "Likelihood scoring Calibration Place of the instruction",
    "promptfoo": "Likelihood scoring Calibration Reading",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_a_form_loses_is_said_in_it_and_beside_it(calibrated: Path, tmp_path: Path, form: str) -> None:
    text, told = exported(tmp_path, form)
    named = [line.removeprefix("note: ").partition(":")[0] for line in told.splitlines()]
    assert " ".join(named) == LOST[form]
    for line in told.splitlines():
        assert line.removeprefix("note: ") in text
    if "Calibration" in LOST[form]:
        assert "without it accuracy on test was 0.500" in told


def test_what_a_generating_run_loses(document: dict[str, Any]) -> None:
    document["answering"] = document["answering"] | {"mode": "generation"}
    document["outcomes"] = []
    document["task"]["layout"] = {"position": "A_begin", "qa": True, "chat": False}
    document["best"]["shots"] = [{"id": "a", "text": "Mail 1.", "target": "seed"}]
    found = lost(document, "openai-json")
    assert "Stop rules: a reply ends with its turn or after 256 tokens" in found
    assert "Begun answer: the last turn is the assistant's" in found and "Running text: " in found
    assert "Likelihood" not in found and "Calibration" not in found
    assert lost(document, "prompt").startswith("Shots: the shots were turns of their own")
    assert not any("Second round" in lost(document, form) for form in FORMS)
    document["settings"]["scoring"]["second_round"] = True
    assert all("Second round: a reply without an answer" in lost(document, form) for form in FORMS)
    body = json.loads(in_use(document, "llama-cpp"))
    assert body["prompt"].startswith("Q: Mail 1.\n\nA: seed\n\nQ: {text}\n\nA:")
    assert body["prompt"].endswith("A: Read twice.") and body["n_predict"] == 256 and "grammar" not in body


def test_an_instruction_of_its_own_turn_is_no_shot(document: dict[str, Any]) -> None:
    document["best"]["form"] = {"apart": True}
    document["outcomes"] = []
    assert json.loads(in_use(document, "chat-messages"))["messages"][0]["role"] == "system"
    assert "Shots" not in lost(document, "prompt")


def test_the_body_of_a_request_has_only_what_the_protocol_has(document: dict[str, Any]) -> None:
    body = json.loads(in_use(with_shots(document), "openai-json"))
    assert set(body) == {"model", "messages", "temperature", "max_tokens", "metadata"}
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant"] * 2 + ["user"]
    assert body["messages"][-1]["content"] == "{text}" and body["temperature"] == 0
    assert all(len(key) <= 64 and len(value) <= 512 for key, value in body["metadata"].items())
    assert len(body["metadata"]) <= 16


def test_a_grammar_says_the_labels_and_nothing_else() -> None:
    assert choice_grammar([["a", 'say "b"\n']]) == 'root ::= [ ]? ("a" | "say \\"b\\"\\n")'


NASTY = 'Say {{ 7 * 7 }} and {% raw %} {# no #} "x"\u2028\x85\x0b\n# end'


def test_promptfoo_gets_the_rows_and_no_text_is_a_template(document: dict[str, Any]) -> None:
    document["best"]["instruction"] = NASTY
    for outcome in document["outcomes"]:
        turn = outcome["prompt"]["messages"][-1]
        turn["content"] = f"{NASTY}\n{turn['content'].splitlines()[-1]} é😀\x7f"
    text = in_use(document, "promptfoo")
    config = yaml.safe_load(text)
    own = [o for o in document["outcomes"] if (o["key"], o["split"]) == (document["best"]["key"], "test")]
    assert [test["vars"]["text"] for test in config["tests"]] == [
        outcome["prompt"]["messages"][-1]["content"].removeprefix(f"{NASTY}\n") for outcome in own
    ]
    assert [test["assert"] for test in config["tests"]] == [
        [{"type": "icontains", "value": outcome["target"]}] for outcome in own
    ]
    (message,) = json.loads(config["prompts"][0]["raw"])
    environment = Environment(autoescape=False)  # Nunjucks is Jinja's child; these three marks are the same
    assert environment.from_string(message["content"]).render(text="ROW") == f"{NASTY}\nROW"
    assert config["providers"][0]["config"]["temperature"] == 0


def test_promptfoo_gets_no_row_that_it_would_load(document: dict[str, Any]) -> None:
    first, *rest = [o for o in document["outcomes"] if o["key"] == document["best"]["key"]]
    first["prompt"]["messages"][-1]["content"] = "Read twice.\nfile:///etc/passwd"
    tests = yaml.safe_load(in_use(document, "promptfoo"))["tests"]
    assert len(tests) == sum(outcome["split"] == "test" for outcome in rest)
