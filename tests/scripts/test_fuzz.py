"""fuzz.py finds what is planted, and tries every target."""

import json
import sys
from pathlib import Path
from time import sleep

import pytest
from fuzz import main
from fuzzing.trying import Target
from hypothesis import strategies as st

from opro_local.errors import DataError


def fails_from_100(number: int) -> None:
    if number >= 100:
        raise KeyError(number)
    if number < 0:
        raise DataError("a number below 0")


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], *given: Target
) -> tuple[int, dict[str, dict[str, object]]]:
    monkeypatch.setattr(sys, "argv", ["fuzz.py", *arguments])
    code = main(given)
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    return code, {row["target"]: row for row in rows}


def test_a_planted_fault_is_found_and_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds = tmp_path / "finds.jsonl"
    planted = Target(name="planted", examples=st.integers(-(10**6), 10**6), work=fails_from_100)
    right = Target(name="right", examples=st.integers(-9, 9), work=fails_from_100)
    code, rows = run(monkeypatch, capsys, ["--minutes", "0.03", "--finds", str(finds)], planted, right)
    assert code == 1
    assert (rows["planted"]["tracebacks"], rows["planted"]["hangs"]) == (1, 0)
    assert (rows["right"]["tracebacks"], rows["right"]["hangs"]) == (0, 0)
    assert 0 < int(str(rows["right"]["refused"])) < int(str(rows["right"]["examples"]))
    (find,) = map(json.loads, finds.read_text().splitlines())
    assert (find["target"], find["kind"], find["example"]) == ("planted", "traceback", "100")
    assert find["end"].startswith("KeyError in ")


def test_what_takes_too_long_is_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Target(name="slow", examples=st.just(0), work=lambda _: sleep(1), sure=[7])
    options = ["--minutes", "0.005", "--limit", "0.1", "--finds", str(tmp_path / "finds.jsonl")]
    code, rows = run(monkeypatch, capsys, options, slow)
    assert (code, rows["slow"]["hangs"]) == (1, 1)
    (find,) = map(json.loads, (tmp_path / "finds.jsonl").read_text().splitlines())
    assert (find["kind"], find["example"], find["seed"]) == ("hang", "7", None)


def test_every_target_can_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = run(monkeypatch, capsys, ["--minutes", "0.05", "--finds", str(tmp_path / "finds.jsonl")])
    assert code == 0, (tmp_path / "finds.jsonl").read_text()
    assert {"csv", "number-strict", "proposals", "run-files", "model-folders", "gguf-imports"} <= {*rows}
    assert all("examples" in row for row in rows.values())
