"""Targets of several fields: from objects of JSON Lines, objects in a cell, and columns of their own."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from workbooks import save_xlsx, text_cell

from opro_local.config import TaskSettings
from opro_local.errors import DataError
from opro_local.tasks.inspection import inspect_task
from opro_local.tasks.loading import load_task
from opro_local.tasks.sources import load_task_file
from opro_local.tasks.starter import task_file
from opro_local.tasks.task import Task, task_from_json, task_to_json

FIELDS = ("drink=label", "cups=number", "note=text?")
ENTRIES: list[dict[str, Any]] = [
    {"drink": drink, "cups": cups, **({"note": f"no {cups}"} if cups % 2 else {})}
    for cups, drink in enumerate(["tea", "coffee"] * 6)
]
TARGETS = [json.dumps(entry, separators=(",", ":")) for entry in ENTRIES]


def loaded(folder: Path, data: str, **given: object) -> Task:
    values = {"data": data, "text": "order", "answer": "fields", "fields": FIELDS, **given}
    return load_task(TaskSettings.model_validate(values), folder=folder, name="orders")


def targets(task: Task) -> list[str]:
    return [row.target for row in task.examples]


def cells(entry: dict[str, Any]) -> list[str]:
    return [entry["drink"], str(entry["cups"]), entry.get("note", "")]


def test_what_is_known_of_each_field_is_told_under_its_name(tmp_path: Path) -> None:
    """An optional field that no row has, misspelt perhaps, would be right in all rows."""
    said = (("1,5", "low"), ("2", "high"), ("3", "low"))
    entries: list[object] = [{"cups": cups, "quick": quick} for cups, quick in said]
    given = [
        {"name": "cups", "answer": "number", "tolerance": "1 %"},
        {"name": "quick", "answer": "grade", "labels": ["low", "high"]},
        {"name": "nots", "answer": "text", "required": False},
    ]
    told = loaded(tmp_path, write_lines(tmp_path, entries * 3), label="entry", fields=given).warnings
    assert "field 'cups': a number is right within 1 % of the label." in told
    assert any(each.startswith("field 'cups': labels and replies are read with a decimal c") for each in told)
    assert any(each.startswith("field 'quick': grades in their order: low, high.") for each in told)
    assert "field 'nots': no row has it: is it called otherwise?" in told


def write_lines(folder: Path, entries: list[object]) -> str:
    rows = [json.dumps({"order": f"order {i}", "entry": entry}) for i, entry in enumerate(entries)]
    (folder / "orders.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return "orders.jsonl"


def write_csv(folder: Path, header: list[str], rows: list[list[str]]) -> str:
    with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["order", *header], *([f"order {i}", *row] for i, row in enumerate(rows))]
        )
    return "orders.csv"


def test_objects_of_json_lines(tmp_path: Path) -> None:
    more = [{"more": {"a": 1}, **entry} for entry in ENTRIES]
    assert targets(loaded(tmp_path, write_lines(tmp_path, [*more]), label="entry")) == TARGETS


def test_fields_at_the_ends_of_paths(tmp_path: Path) -> None:
    fields = [
        {"name": "drink", "column": "entry.drink"},
        {"name": "n", "answer": "number", "column": "entry.cups"},
    ]
    task = loaded(tmp_path, write_lines(tmp_path, [*ENTRIES]), fields=fields)
    assert targets(task)[1] == '{"drink":"coffee","n":1}'


def test_objects_in_a_cell(tmp_path: Path) -> None:
    rows = [[json.dumps(dict(reversed(entry.items())), indent=1)] for entry in ENTRIES]
    assert targets(loaded(tmp_path, write_csv(tmp_path, ["entry"], rows), label="entry")) == TARGETS


def test_columns_of_their_own(tmp_path: Path) -> None:
    header = ["drink", "cups", "note"]
    assert targets(loaded(tmp_path, write_csv(tmp_path, header, [cells(e) for e in ENTRIES]))) == TARGETS


def test_a_single_column_may_be_a_field(tmp_path: Path) -> None:
    data = write_csv(tmp_path, ["drink"], [[entry["drink"]] for entry in ENTRIES])
    assert targets(loaded(tmp_path, data, fields=("drink=label",)))[:2] == [
        '{"drink":"tea"}',
        '{"drink":"coffee"}',
    ]


def test_columns_of_a_workbook(tmp_path: Path) -> None:
    header = [text_cell(name) for name in ("order", "drink", "cups", "note")]
    rows = [[text_cell(f"order {i}"), *map(text_cell, cells(e))] for i, e in enumerate(ENTRIES)]
    save_xlsx(tmp_path / "orders.xlsx", [header, *rows])
    assert targets(loaded(tmp_path, "orders.xlsx")) == TARGETS


def test_a_row_that_is_blank_in_all_of_them_is_not_labelled_unless_all_may_be(tmp_path: Path) -> None:
    rows = [[*cells(entry)[:2], ""] for entry in ENTRIES]
    data = write_csv(tmp_path, ["drink", "cups", "note"], [*rows, ["", "", ""]])
    assert loaded(tmp_path, data).unlabelled == 1
    task = loaded(tmp_path, data, fields=("drink=label?", "cups=number?", "note=text?"))
    assert (task.unlabelled, targets(task)[-1]) == (0, "{}")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            '{"drink": "tea", "cups": "1", "cups": "2"}',
            "line 2: a key stands twice in the JSON object. Rename one",
        ),
        ('["tea", 2]', "line 2: no JSON object. Write one with the fields as its keys"),
        ("tea, 2", "line 2: no JSON object"),
        ('{"drink": "tea", "cups": [1]}', "line 2: the value of 'cups' is nested. Give text or a number"),
        ('{"drink": "tea"}', "line 2: no 'cups'. Fill it in or make the field optional"),
        ('{"drink": "tea", "cups": "some"}', "line 2: 'cups': the label is not a number."),
        ('{"drink": "cola", "cups": 1}', "field 'drink': 1 label with one example only"),
    ],
)
def test_a_cell_that_holds_no_such_object_is_named(tmp_path: Path, entry: str, told: str) -> None:
    data = write_csv(tmp_path, ["entry"], [[entry], *([target] for target in TARGETS)])
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, data, label="entry")
    assert told in str(caught.value)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    data = write_csv(tmp_path, ["drink", "note"], [[entry["drink"], ""] for entry in ENTRIES])
    with pytest.raises(DataError, match="no column 'cups'; found 'order', 'drink', 'note'"):
        loaded(tmp_path, data)


def test_rows_that_must_stay_right_have_the_same_form(tmp_path: Path) -> None:
    data = write_lines(tmp_path, [*ENTRIES])
    stays = [{"order": "another", "entry": {"note": "x", "cups": "007", "drink": "tea"}}]
    (tmp_path / "stay.jsonl").write_text(json.dumps(stays), encoding="utf-8")
    (row,) = loaded(tmp_path, data, label="entry", must_stay="stay.jsonl").must_stay
    assert row.target == '{"drink":"tea","cups":7,"note":"x"}'


def test_a_task_of_fields_is_kept_and_written_down_whole(tmp_path: Path) -> None:
    task = loaded(tmp_path, write_lines(tmp_path, [*ENTRIES]), label="entry")
    assert task_from_json(task_to_json(task)) == task
    settings = TaskSettings(text=("order",), answer="fields", fields=task.fields)
    (tmp_path / "task.toml").write_text(task_file(settings), encoding="utf-8")
    assert load_task_file(tmp_path / "task.toml") == settings


def test_a_look_at_the_table_tells_each_field(tmp_path: Path) -> None:
    task = loaded(tmp_path, write_lines(tmp_path, [*ENTRIES]), label="entry")
    assert inspect_task(task, seed=0).parts == {
        "drink": "label (one of coffee, tea), in 12 of 12 rows",
        "cups": "number (a number), in 12 of 12 rows",
        "note": "text (a text), in 6 of 12 rows",
    }
