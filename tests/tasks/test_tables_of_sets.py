"""Tables whose rows have several labels: cells, lists, columns of 0 and 1, in every format."""

import json
from pathlib import Path

import pytest
import xlsxwriter

from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.loading import load_task
from opro_local.tasks.split import split_examples
from opro_local.tasks.task import Task

SETS = ("a;b", "none", "b", "a", "a;b", "none")


def load(folder: Path, name: str, **given: object) -> Task:
    values = {"data": name, "text": ("text",), "answer": "labels", **given}
    return load_task(TaskSettings.model_validate(values), folder=folder, name="t")


def csv(folder: Path, *lines: str, header: str = "text,label") -> str:
    (folder / "t.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return "t.csv"


def targets(task: Task) -> list[str]:
    return [row.target for row in task.examples]


def test_cells_are_divided_by_the_stated_sign(tmp_path: Path) -> None:
    name = csv(tmp_path, *(f"t{i},{cell}" for i, cell in enumerate(SETS)))
    task = load(tmp_path, name, label="label", separator=";")
    assert targets(task) == ["a; b", "none", "b", "a", "a; b", "none"]
    assert (task.labels, task.metric) == (("a", "b"), "example_f1")


def test_a_workbook_says_which_cell_is_at_fault(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet("Rows")
        for i, row in enumerate([("text", "label"), ("x", "a|b"), ("y", "b|"), ("z", "none")]):
            sheet.write_row(i, 0, row)
    with pytest.raises(DataError, match=r"t.xlsx cell Rows!B3: a blank among labels"):
        load(tmp_path, "t.xlsx", label="label", separator="|")
    task = load(tmp_path, "t.xlsx", label="label", separator="|", bad_rows="skip")
    assert targets(task) == ["a; b", "none"]


def test_lists_of_json_are_sets_and_null_is_a_row_without_an_answer(tmp_path: Path) -> None:
    rows = [
        {"text": "x", "label": ["b", "a"]},
        {"text": "y", "label": []},
        {"text": "z", "label": None},
        {"text": "v"},
        {"text": "w", "label": "b"},
        {"text": "u", "label": {"choices": ["a"]}},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    task = load(tmp_path, "t.jsonl", label="label")
    assert (targets(task), task.unlabelled) == (["a; b", "none", "b", "a"], 2)


def test_what_annotation_tools_list_are_sets_but_for_answers_that_are_none(tmp_path: Path) -> None:
    def record(text: str, *annotations: object) -> dict[str, object]:
        return {"data": {"text": text}, "annotations": list(annotations)}

    def choices(*names: str, cancelled: bool = False) -> dict[str, object]:
        return {"was_cancelled": cancelled, "result": [{"value": {"choices": list(names)}}]}

    rows = [
        record("x", choices("b", "a")),
        record("y", choices()),
        record("z"),
        record("w", {"was_cancelled": False, "result": []}),
        record("v", choices("a", cancelled=True)),
        record("u", choices("a"), choices("a")),
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows), encoding="utf-8")
    path = "annotations.result.value.choices"
    task = load(tmp_path, "t.json", text=("data.text",), label=path)
    assert (targets(task), task.unlabelled) == (["a; b", "none", "a"], 3)
    rows.append(record("t", choices("a"), choices("b")))
    (tmp_path / "t.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(DataError, match="1 row with several labels that differ"):
        load(tmp_path, "t.json", text=("data.text",), label=path)


def test_columns_of_0_and_1_are_labels(tmp_path: Path) -> None:
    name = csv(tmp_path, "x,1,0", "y,0,0", "z,TRUE,1", "w,,", header="text,a,b")
    task = load(tmp_path, name, label_columns=("a", "b"))
    assert (targets(task), task.unlabelled) == (["a", "none", "a; b"], 1)
    blank = load(tmp_path, name, label_columns=("a", "b"), blank="none")
    assert (targets(blank), blank.unlabelled) == (["a", "none", "a; b", "none"], 0)


@pytest.mark.parametrize("cell", ["2", "maybe", "0.5"])
def test_what_is_neither_0_nor_1_is_a_fault_of_its_row(tmp_path: Path, cell: str) -> None:
    name = csv(tmp_path, "x,1,0", f"y,1,{cell}", "z,0,1", header="text,a,b")
    with pytest.raises(DataError, match=r"t.csv line 3: neither 0 nor 1 in the column of a label"):
        load(tmp_path, name, label_columns=("a", "b"))
    assert targets(load(tmp_path, name, label_columns=("a", "b"), bad_rows="skip")) == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "not_given"), [("1.0", "0.0"), ("yes", "no"), ("True", "False"), ("x", "0")]
)
def test_columns_of_0_and_1_are_read_as_other_programs_write_them(
    tmp_path: Path, given: str, not_given: str
) -> None:
    """pandas writes 1.0 where a column has gaps."""
    name = csv(tmp_path, f"x,{given},{not_given}", f"y,{not_given},{given}", "z,,", header="text,a,b")
    task = load(tmp_path, name, label_columns=("a", "b"))
    assert (targets(task), task.unlabelled) == (["a", "b"], 1)


def test_a_blank_beside_a_label_is_told_what_to_do_about(tmp_path: Path) -> None:
    name = csv(tmp_path, "x,x,", "y,,x", "z,x,x", header="text,a,b")
    with pytest.raises(DataError, match=r"line 2: blank, though .* --blank none if it is a 0, or pass --bad"):
        load(tmp_path, name, label_columns=("a", "b"))
    assert targets(load(tmp_path, name, label_columns=("a", "b"), blank="none")) == ["a", "b", "a; b"]


def test_lists_are_read_as_json_and_as_python_write_them(tmp_path: Path) -> None:
    """pandas writes the second into CSV; numpy's has no commas, and Python would join its texts."""
    cells = ("""["a", "b c"]""", """['b c', 'it\\'s']""", "[]", """['a']""", """[None, 'a']""", "['a' 'b c']")
    rows = [f'"t{i}","{cell.replace(chr(34), chr(34) * 2)}"' for i, cell in enumerate(cells)]
    task = load(tmp_path, csv(tmp_path, *rows[:4], header="text,a"), label="a")
    assert targets(task) == ["a; b c", "b c; it's", "none", "a"]
    for wrong in rows[4:]:
        with pytest.raises(DataError, match="line 2: a list that"):
            load(tmp_path, csv(tmp_path, wrong, *rows[:4], header="text,a"), label="a")


def test_a_workbook_of_0_and_1_names_the_cell(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet("Rows")
        for i, row in enumerate([("text", "a", "b"), ("x", 1, 0), ("y", 0, 3), ("z", True, True)]):
            sheet.write_row(i, 0, row)
    with pytest.raises(DataError, match=r"cell Rows!C3: neither 0 nor 1"):
        load(tmp_path, "t.xlsx", label_columns=("a", "b"))
    assert targets(load(tmp_path, "t.xlsx", label_columns=("a", "b"), bad_rows="skip")) == ["a", "a; b"]


def test_the_same_set_in_another_order_is_no_conflict(tmp_path: Path) -> None:
    name = csv(tmp_path, "x,a;b", "x,b;a", "y,none")
    assert load(tmp_path, name, label="label", separator=";").labels == ("a", "b")
    with pytest.raises(DataError, match="the same text has two labels"):
        load(tmp_path, csv(tmp_path, "x,a;b", "x,a", "y,none"), label="label", separator=";")


@pytest.mark.parametrize(
    ("lines", "given", "message"),
    [
        (
            ("x,a", "y,b"),
            {"labels": ("a",)},
            r"labels that are not one of labels \('a'\): 'b' \(t.csv line 3\)",
        ),
        (("x,a", "y,a"), {}, "all rows have the same answer, 'a'"),
        (("x,none", "y,a"), {}, "answer labels takes two labels at least"),
    ],
)
def test_tables_without_two_labels_are_refused(
    tmp_path: Path, lines: tuple[str, ...], given: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, csv(tmp_path, *lines), label="label", **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"label": "label", "label_columns": ("a",)}, "both say where labels stand"),
        ({"label": "label", "answer": "label", "separator": ";"}, "answer label takes no separator"),
        ({"label": "label", "answer": "label", "blank": "none"}, "answer label takes no blank"),
        ({"answer": "label", "label_columns": ("a",)}, "answer label takes no label-columns"),
        ({"label": "label", "labels": ("a", "None")}, "'None' can be none"),
        ({}, "Pass --text and --label"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load(tmp_path, csv(tmp_path, "x,a", "y,b"), **given)


def test_what_is_odd_is_told(tmp_path: Path) -> None:
    lines = ("x,a", "y,b", 'z,"a, b"', "w,a", "v,none", "u,b", "s,")
    task = load(tmp_path, csv(tmp_path, *lines), label="label")
    assert task.warnings == (
        "1 row without a label left out.",
        "1 label that only one row has: 'a, b'.",
        "labels that join others ('a, b'): pass --separator if these are several.",
    )


def test_a_label_that_is_only_in_rows_that_must_stay_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stay.csv").write_text("text,label\nq,a;z\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"stay.csv line 2: no row of the table has the label 'z'"):
        load(
            tmp_path,
            csv(tmp_path, "x,a", "y,b", "z,a;b"),
            label="label",
            separator=";",
            must_stay="stay.csv",
        )


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_label_reaches_every_part_of_the_split(tmp_path: Path, seed: int) -> None:
    lines = [f"t{i},{'a;c' if i % 10 == 0 else 'a;b' if i % 2 else 'none'}" for i in range(60)]
    task = load(tmp_path, csv(tmp_path, *lines), label="label", separator=";")
    split = split_examples(task.examples, task.split, seed, stratum=task.kind.strata(task.rows))
    rare = [sum("c" in row.target for row in part) for part in (split.train, split.validation, split.test)]
    assert rare in ([2, 1, 3], [3, 1, 2], [2, 2, 2])
