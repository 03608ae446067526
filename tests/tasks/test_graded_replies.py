"""Replies that a person graded, and rubrics: which files hold them, and which are refused in one line."""

import csv
import json
from pathlib import Path

import pytest
import xlsxwriter

from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.graded_replies import GradedReply
from opro_local.tasks.loading import load_task
from opro_local.tasks.sources import choose_task
from opro_local.tasks.task import Task, task_from_json, task_to_json

HEAD = ["text", "reply", "grade", "reference"]
ROWS = [["a?", "b", "4", "c"], ["d?", "e, f", " 1 ", ""]]
EXPECTED = (
    GradedReply(text="a?", reply="b", grade="4", target="c"),
    GradedReply(text="d?", reply="e, f", grade="1", target=""),
)


@pytest.fixture(autouse=True)
def table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,good\n" + "".join(f"q{i},{i % 2 or ''}\n" for i in range(6)))


def load(folder: Path, **settings: object) -> Task:
    values = {"data": "t.csv", "text": ("text",), "answer": "judged", "rubric": "Short?", **settings}
    return load_task(TaskSettings.model_validate(values), folder=folder, name="t")


def save_csv(path: Path, *rows: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_grade_may_be_written_with_decimals_as_pandas_does(tmp_path: Path) -> None:
    save_csv(tmp_path / "judge.csv", HEAD[:3], ["a?", "b", "4.0"], ["d?", "e", "1.00"])
    assert [row.grade for row in load(tmp_path, judge_rows="judge.csv").judge_rows] == ["4", "1"]
    save_csv(tmp_path / "judge.csv", HEAD[:3], ["a?", "b", "3.5"])
    with pytest.raises(DataError, match=r"line 2: the grade '3\.5' is none of 1, 2, 3, 4, 5"):
        load(tmp_path, judge_rows="judge.csv")


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "jsonl"])
def test_they_are_read_from_every_kind_of_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"judge.{suffix}"
    if suffix == "csv":
        save_csv(path, HEAD, *ROWS)
    elif suffix == "jsonl":
        records = (dict(zip(HEAD, row, strict=True)) for row in ROWS)
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    else:
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            for i, row in enumerate([HEAD, *ROWS]):
                sheet.write_row(i, 0, row)
    task = load(tmp_path, judge_rows=path.name)
    assert task.judge_rows == EXPECTED
    assert task_from_json(task_to_json(task)) == task
    assert (
        "replies to measure the judge by: 2 (1 of grade 1, 0 of grade 2, 0 of grade 3, 1 of grade 4, "
        "0 of grade 5)." in task.warnings
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["a", "b", "6"], "judge.csv line 3: the grade '6' is none of 1, 2, 3, 4, 5"),
        (["a", "b", "good"], "line 3: the grade 'good' is none"),
        (["a", "b", ""], "line 3: the grade '' is none"),
        (["a", " ", "3"], "line 3: no reply was graded"),
    ],
)
def test_rows_that_measure_nothing_are_refused(tmp_path: Path, row: list[str], message: str) -> None:
    save_csv(tmp_path / "judge.csv", HEAD[:3], ROWS[0][:3], row)
    with pytest.raises(DataError, match=message):
        load(tmp_path, judge_rows="judge.csv")


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    save_csv(tmp_path / "judge.csv", ["text", "answer", "grade"], ["a", "b", "3"])
    with pytest.raises(DataError, match=r"judge\.csv has no column 'reply'; found 'text', 'answer', 'grade'"):
        load(tmp_path, judge_rows="judge.csv")


def test_a_rubric_is_a_text_or_a_file_beside_the_task(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text("Is it short?\nIs it kind?\n", encoding="utf-8")
    assert load(tmp_path).kind.rubric == "Short?"
    assert load(tmp_path, rubric="rubric.md").kind.rubric == "Is it short?\nIs it kind?"
    given = {"data": "t.csv", "text": ["text"], "answer": "judged", "rubric": "rubric.md"}
    assert choose_task(given, file=None, cwd=tmp_path)[0].rubric == "Is it short?\nIs it kind?"
    with pytest.raises(SettingsError, match=r"none\.txt: cannot be read as a text file"):
        load(tmp_path, rubric="none.txt")
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"empty\.txt is empty"):
        load(tmp_path, rubric="empty.txt")


def test_rows_do_without_a_reference_answer(tmp_path: Path) -> None:
    assert {row.target for row in load(tmp_path).examples} == {""}
    task = load(tmp_path, label="good")
    assert [row.target for row in task.examples] == ["", "1"] * 3
    assert task.unlabelled == 0
    assert "3 rows without a reference answer: the judge goes by the rubric alone." in task.warnings


def test_settings_of_judged_answers_are_those_of_no_others(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="answer text takes no rubric"):
        load(tmp_path, answer="text", label="good")
    with pytest.raises(SettingsError, match="answer judged needs a rubric"):
        load(tmp_path, rubric=None)
    with pytest.raises(SettingsError, match="answer text takes no judge-rows"):
        load(tmp_path, answer="text", label="good", rubric=None, judge_rows="judge.csv")
    with pytest.raises(SettingsError, match="leave out --must-stay"):
        load(tmp_path, must_stay="t.csv")
