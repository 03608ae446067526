"""A run whose grades are told by their mean: its calibration, report and exports say so."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scripted_models import play_roles

from opro_local.answers.grade import MEAN
from opro_local.cli import main
from opro_local.exports.check import of_replies
from opro_local.testing import ScriptedEngine

GRADES = ("1", "2", "3", "4", "5")
ROWS = [(f"Row {i} deserves {1 + i % 5}.", GRADES[i % 5]) for i in range(30)]
FAR = {"1": "1", "2": "4", "3": "3", "4": "2", "5": "5"}
"""What the model likes best: on two grades it is far off, though most of its belief is near the right one."""


def log_prob(text: str) -> float:
    """The grades beside the right one are likely too."""
    answer = text.rpartition(" ")[2]
    right = text.partition("deserves ")[2][:1]
    apart = abs(int(answer) - int(right))
    return -0.9 if answer == FAR[right] else -1.0 - 0.05 * apart if apart < 2 else -4.0


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    monkeypatch.chdir(tmp_path)
    with Path("rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "grade"), *ROWS])
    engine = ScriptedEngine(log_prob=log_prob, samples=[("Grade it.</INS>",)])
    play_roles(monkeypatch, engine)
    words = ["run", "--data", "rows.csv", "--text", "text", "--label", "grade", "--answer", "grade"]
    words += ["--model", "scripted", "--method", "opro", "--calibration", "auto", "--steps", "1"]
    words += ["--proposals-per-step", "1", "--start", "", "--headroom", "0", "--sensitivity", "0", "--json"]
    document: Mapping[str, Any] = json.loads(invoke(*words))
    return document


def invoke(*words: str) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_rule_is_part_of_the_calibration(found: Mapping[str, Any]) -> None:
    assert found["metric"] == "weighted_kappa"
    *biases, rule = found["best"]["calibration"]
    assert (len(biases), rule) == (5, MEAN)
    assert found["answering"]["uncalibrated"]["value"] < found["test"]["value"]
    assert {"mae", "off_by_one", "accuracy"} <= set(found["test"]["metrics"])


def test_report_and_exports_say_how_a_grade_is_had(found: Mapping[str, Any]) -> None:
    rule = "the grade nearest to the mean of all grades"
    assert found["answering"]["reading"].startswith(rule)
    invoke("report", "-o", "report.html")
    assert rule in Path("report.html").read_text(encoding="utf-8")
    for form in ("prompt", "chat-messages", "llama-cpp"):
        assert rule in invoke("export", "--to", form)
    program = invoke("export", "--to", "python")
    assert f"return {found['answering']['code']}" in program
    assert "softmax" in found["answering"]["code"]
    compile(program, "export.py", "exec")


def test_outcomes_are_those_of_the_rule(found: Mapping[str, Any]) -> None:
    outcomes = json.loads(invoke("export", "--outcomes"))["outcomes"]
    best = [each for each in outcomes if each["key"] == found["best"]["key"] and each["split"] == "test"]
    near = [abs(int(each["prediction"]) - int(each["target"])) <= 1 for each in best]
    assert near == [True] * len(best)


def test_replies_have_no_likelihoods_to_be_scored_by() -> None:
    assert [of_replies(m) for m in ("log_loss", "brier", "weighted_kappa")] == [
        *("accuracy", "accuracy"),
        "weighted_kappa",
    ]
