"""The table of constant answers, on rows worked out by hand."""

import json
import sys
from pathlib import Path

import pytest
from grade_constants import main


def written(folder: Path) -> Path:
    (folder / "bbh").mkdir()
    (folder / "aqua").mkdir()
    rows = {
        "navigate": [("Back?", "Yes"), ("Back?", "No"), ("Back?", "No"), ("Back?", "No")],
        "dyck_languages": [("[ (", ") ]"), ("<", ">")],
        "snarks": [("Which?\nOptions:\n(A) x\n(B) y", "(B)"), ("Which?\nOptions:\n(A) x\n(B) y", "x, or y")],
        "object_counting": [("How many?", "6"), ("How many?", "16")],
    }
    for name, pairs in rows.items():
        examples = [{"input": text, "target": target} for text, target in pairs]
        (folder / "bbh" / f"{name}.json").write_text(json.dumps({"examples": examples}), encoding="utf-8")
    aqua = [{"question": "?", "options": [f"{c})1{c}" for c in "ABCDE"], "correct": c} for c in "ABC"]
    text = "".join(json.dumps(row) + "\n" for row in aqua)
    (folder / "aqua" / "AQuA.json").write_text(text, encoding="utf-8")
    return folder


def test_constants_win_what_they_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["grade_constants.py", "--data", str(written(tmp_path))])
    main()
    listing = "`(A) (B) (C) (D) (E) (F) (G) (H) (I) (J) (K)`"
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| dyck_languages (2) | text | `.` | 0.0% | 100.0% | 50.0% |",
        "| navigate (4) | boolean | `yes or no` | 0.0% | 100.0% | 75.0% |",
        "| navigate (4) | boolean | `Unknown` | 0.0% | 75.0% | 75.0% |",
        "| navigate (4) | boolean | `I do not know` | 0.0% | 75.0% | 75.0% |",
        "| object_counting (2) | number | `sixteen` | 50.0% | 50.0% | 50.0% |",
        f"| snarks (2) | choice | {listing} | 0.0% | 50.0% | 50.0% |",
        "| snarks (2) | choice | `The answer is B) an apple` | 50.0% | 0.0% | 50.0% |",
        f"| AQuA (3) | choice | {listing} | 0.0% | 100.0% | 33.3% |",
        "| AQuA (3) | choice | `abcde` | 0.0% | 100.0% | 33.3% |",
        "| AQuA (3) | choice | `I cannot decide between these` | 0.0% | 100.0% | 33.3% |",
        "| AQuA (3) | choice | `The answer is B) an apple` | 33.3% | 66.7% | 33.3% |",
    ]


def test_a_folder_without_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["grade_constants.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        main()
