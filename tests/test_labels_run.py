"""A whole run with sets of labels: thresholds see through a model that likes one label too much."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.config import Folders
from opro_local.exports.chat_server import ChatReply
from opro_local.exports.check import ask_served, known_prompt
from opro_local.exports.forms import FORMS
from opro_local.testing import ScriptedEngine

ROWS = 60
NAMES = ("bill", "late", "rude")


def names_of(number: int) -> list[str]:
    return [name for name, every in zip(NAMES, (2, 3, 5), strict=True) if number % every == 0]


def log_prob(text: str) -> float:
    """Knows each label, and says yes to bill by 4 nats too much, no to late."""
    question, _, line = text.rpartition("\n[assistant] ")
    name, said = line.split(": ")
    number = int(question.rpartition("Mail ")[2].partition(".")[0] or 0)
    log_odds = (1.0 if name in names_of(number) else -1.0) + {"bill": 4.0, "late": -4.0, "rude": 0.0}[name]
    return log_odds / 2 if said == "yes" else -log_odds / 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    engine = ScriptedEngine(log_prob=log_prob, reply=lambda _text: "", samples=[("Look twice.</INS>",)] * 9)
    play_roles(monkeypatch, engine)
    monkeypatch.chdir(tmp_path)
    with Path("mails.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(f"Mail {i}.", "|".join(names_of(i)) or "none") for i in range(1, ROWS + 1)]
        csv.writer(file).writerows([("mail", "about"), *rows])
    return tmp_path


def invoke(*words: str) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


TABLE = (
    *("--data", "mails.csv", "--text", "mail"),
    *("--label", "about", "--answer", "labels", "--separator", "|"),
)
SMALL = (
    *("--method", "opro", "--steps", "1", "--proposals-per-step", "1"),
    *("--start", "Which?", "--headroom", "0", "--sensitivity", "0"),
)


def run(*more: str) -> dict[str, Any]:
    words = ("--model", "scripted", "--json", *more)
    found: dict[str, Any] = json.loads(invoke("run", *TABLE, *SMALL, *words))
    return found


def test_thresholds_make_sets_right_that_are_wrong_without(folder: Path) -> None:
    document = run("--calibration", "auto", "--shots", "2")
    assert (document["metric"], document["test"]["value"]) == ("example_f1", 1.0)
    answering = document["answering"]
    assert answering["labels"] == list(NAMES)
    assert answering["uncalibrated"]["value"] < 0.7
    assert answering["biases"]["bill: yes"] == pytest.approx(-4.0, abs=1)
    assert answering["biases"]["late: yes"] == pytest.approx(4.0, abs=1)
    figures = {each["label"]: each for each in document["test"]["per_label"]}
    assert {(f["precision"], f["recall"], f["f1"]) for f in figures.values()} == {(1.0, 1.0, 1.0)}
    assert "confusion" not in document["test"]
    invoke("report", "-o", "report.md")
    assert "## Labels" in (folder / "report.md").read_text(encoding="utf-8")


def test_without_calibration_a_label_is_given_to_all_rows(folder: Path) -> None:
    document = run("--calibration", "none", "--metric", "micro_f1")
    figures = {each["label"]: each for each in document["test"]["per_label"]}
    assert (figures["bill"]["recall"], figures["late"]["recall"]) == (1.0, 0.0)
    assert figures["bill"]["precision"] == pytest.approx(0.5, abs=0.1)
    assert figures["late"]["precision"] is None
    assert 0 < document["test"]["interval"][0] < document["test"]["value"]


def test_shots_and_exports_have_the_lines_that_the_model_was_asked_for(folder: Path) -> None:
    document = run("--calibration", "auto", "--shots", "2")
    prompt = invoke("export", "--to", "prompt")
    shot = document["best"]["shots"][0]
    named = [] if shot["target"] == "none" else shot["target"].split("; ")
    lines = [f"{name}: {'yes' if name in named else 'no'}" for name in NAMES]
    assert "[assistant]\n" + "\n".join(lines) in prompt
    grammar = json.loads(invoke("export", "--to", "llama-cpp"))["grammar"]
    assert grammar.startswith('root ::= [ ]? ("bill: yes" | "bill: no") "\\n" ("late: yes"')
    config = invoke("export", "--to", "promptfoo")
    assert '"value": "bill: yes\\nlate: no\\nrude: no"' in config
    code = invoke("export", "--to", "python")
    compile(code, "use.py", "exec")
    assert "removesuffix(': yes')" in code
    for form in FORMS:
        assert "Which?" in invoke("export", "--to", form)


def test_a_server_that_writes_the_lines_or_a_list_is_read(folder: Path) -> None:
    document = run("--calibration", "auto")
    known = known_prompt(Folders.of_user(None).runs / f"{document['run']}.sqlite")

    def served(body: Any) -> ChatReply:
        number = int(body["messages"][-1]["content"].rpartition("Mail ")[2].partition(".")[0])
        named = names_of(number)
        lines = "\n".join(f"{name}: {'yes' if name in named else 'no'}" for name in NAMES)
        return ChatReply(text=lines if number % 2 else ", ".join(named) or "none", cut=False)

    outcomes = ask_served(known, served, model="m", rows=known.rows)
    assert {outcome.score for outcome in outcomes} == {1.0}


def test_columns_can_be_scored_without_a_run(folder: Path) -> None:
    with Path("wide.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(f"Mail {i}.", *(int(name in names_of(i)) for name in NAMES)) for i in range(1, ROWS + 1)]
        csv.writer(file).writerows([("mail", *NAMES), *rows])
    columns = [word for name in NAMES for word in ("--label-columns", name)]
    words = ("--data", "wide.csv", "--text", "mail", "--answer", "labels", *columns)
    scored = json.loads(
        invoke("score", *words, "--model", "scripted", "-i", "Which?", "--on", "test", "--json")
    )
    assert scored["scores"][0]["value"] == 1.0
    assert "none of them 16" in invoke("data", "check", *words)
