"""Several right answers of one row, as tables and JSON have them."""

import csv
import json
from pathlib import Path

import pytest
import xlsxwriter

from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.loading import load_task
from opro_local.tasks.task import Task

TEXTS = [f"Mail {i} of 3 May, 10:30." for i in range(4)]


def load(folder: Path, name: str, label: str = "answer", **settings: object) -> Task:
    values = {"data": name, "text": ("text",), "label": label, "answer": "span", **settings}
    return load_task(TaskSettings.model_validate(values), folder=folder, name="t")


def right(task: Task) -> list[list[str]]:
    return [list(task.kind.right(row.target)) for row in task.examples]


def save_csv(path: Path, *rows: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_cell_is_divided_by_the_sign_that_is_named(tmp_path: Path) -> None:
    cells = ["3 May|10:30", "3 May", '["3 May", "May"]', "|"]
    save_csv(tmp_path / "t.csv", ["text", "answer"], *map(list, zip(TEXTS, cells, strict=True)))
    task = load(tmp_path, "t.csv", separator="|")
    assert right(task) == [["3 May", "10:30"], ["3 May"], ["3 May", "May"]]
    assert task.unlabelled == 1


def test_columns_of_one_name_hold_an_answer_each(tmp_path: Path) -> None:
    rows = [[TEXTS[0], "3 May", "10:30", ""], [TEXTS[1], "3 May", "", "3 May"], [TEXTS[2], "", "", ""]]
    head = ["text", "answer", "answer", "answer"]
    save_csv(tmp_path / "t.csv", head, *rows)
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate([head, *rows]):
            sheet.write_row(i, 0, row)
    for name in ("t.csv", "t.xlsx"):
        assert right(load(tmp_path, name)) == [["3 May", "10:30"], ["3 May"]]
    with pytest.raises(DataError, match="two columns are named 'answer'"):
        load(tmp_path, "t.csv", answer="text")


@pytest.mark.parametrize(
    ("label", "answers"),
    [
        ("answer", ["3 May", "10:30"]),
        ("answers.text", {"answers": {"text": ["3 May", "10:30"], "answer_start": [7, 14]}}),
        ("answers.text", {"answers": [{"text": "3 May", "answer_start": 7}, {"text": "10:30"}]}),
    ],
)
def test_lists_of_json_belong_to_one_row(tmp_path: Path, label: str, answers: object) -> None:
    own = answers if isinstance(answers, dict) else {"answer": answers}
    rows = [{"text": TEXTS[0], **own}, {"text": TEXTS[1], **own}]
    none = {"answers": {"text": [], "answer_start": []}, "answer": []}  # SQuAD 2.0: no answer in the text
    lines = [json.dumps(row) for row in [*rows, {"text": TEXTS[2], **none}]]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    task = load(tmp_path, "t.jsonl", label)
    assert right(task) == [["3 May", "10:30"]] * 2
    assert task.unlabelled == 1


def test_other_kinds_of_answer_take_no_separator(tmp_path: Path) -> None:
    save_csv(tmp_path / "t.csv", ["text", "answer"], *[[text, "x"] for text in TEXTS])
    with pytest.raises(SettingsError, match="answer text takes no separator"):
        load(tmp_path, "t.csv", answer="text", separator="|")
