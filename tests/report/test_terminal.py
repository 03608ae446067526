"""Nothing that a user or a model wrote steers the terminal, whatever the command."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from mail_searches import finished
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.testing import ScriptedEngine

STEERING = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\u2066\u061c\r\x08"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of one run, whose instruction would steer the terminal."""
    finished(tmp_path, monkeypatch, f"Read {STEERING}twice.")
    return tmp_path


def said(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["--home", str(home), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("arguments", [["runs", "show"], ["runs", "show", "--json"], ["runs", "list"]])
def test_no_command_prints_them(home: Path, arguments: list[str]) -> None:
    assert CONTROL.search(said(home, *arguments)) is None


def test_two_runs_beside_each_other(home: Path) -> None:
    (run,) = said(home, "runs", "list", "--json").splitlines()
    text = said(home, "runs", "diff", *[json.loads(run)["run"]] * 2)
    assert CONTROL.search(text) is None and "twice" in text


@pytest.fixture
def steering_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of e-mails and labels that would steer the terminal."""
    model = ScriptedEngine(log_prob=lambda text: -float(len(text) % 7), samples=[["Look.</INS>"]])
    play_roles(monkeypatch, model)
    path = tmp_path / "mails.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(f"Mail {i} {STEERING}", f"kind {i % 2} {STEERING}") for i in range(40)]
        csv.writer(file).writerows([(f"mail{STEERING}", f"kind{STEERING}"), *rows])
    return path


def test_no_row_and_no_label_is_printed_as_it_is(steering_table: Path, tmp_path: Path) -> None:
    named = ["--data", str(steering_table), "--text", f"mail{STEERING}", "--label", f"kind{STEERING}"]
    run = ["run", *named, "--model", "scripted", "--method", "opro", "--steps", "1", "--headroom", "0"]
    run += ["--proposals-per-step", "1", "--sensitivity", "0"]
    for arguments in (
        ["data", "check", *named],
        run,
        ["runs", "show"],
        ["score", *named, "--model", "scripted", "-i", f"Read {STEERING}", "--on", "all"],
    ):
        text = said(tmp_path, *arguments)
        assert CONTROL.search(text) is None, arguments
    assert "kind 0" in said(tmp_path, "data", "check", *named)


def test_json_still_says_them(home: Path) -> None:
    assert STEERING in json.loads(said(home, "runs", "show", "--json"))["best"]["instruction"]


def test_an_error_does_not_either(home: Path) -> None:
    result = CliRunner().invoke(main, ["--home", str(home), "runs", "show", f"no-{STEERING}"])
    assert result.exit_code != 0 and "no-" in result.output
    assert CONTROL.search(result.output) is None


def test_an_export_is_exact_unless_a_terminal_shows_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert STEERING in said(home, "export", "--to", "prompt")
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    shown = said(home, "export", "--to", "prompt")
    assert "twice" in shown and CONTROL.search(shown) is None
