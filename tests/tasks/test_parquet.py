"""Parquet, where pyarrow is installed, and one line where it is not."""

import sys
from datetime import date
from pathlib import Path

import pytest

from opro_local.answers.label import Label
from opro_local.config import TaskSettings
from opro_local.errors import DataError
from opro_local.tasks.loading import load_task
from opro_local.tasks.readers import Table, read_table


def read(path: Path, **given: object) -> Table:
    values = {"text": "text", "label": "label", **given}
    return read_table(path, TaskSettings.model_validate(values), Label)


def save(path: Path, **columns: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return path


def test_values_become_texts_and_lists_of_one_are_that_one(tmp_path: Path) -> None:
    path = save(
        tmp_path / "t.parquet",
        text=["a", "b", None],
        label=[["x"], [], ["y"]],
        id=[1, 2, 3],
        score=[0.5, None, 2.0],
        day=[date(2026, 1, 2)] * 3,
        vector=[[0.1] * 4] * 3,
    )
    table = read(path, text=("text", "score", "day"), id="id")
    rows = [dict(zip(table.columns, row.fields, strict=True)) for row in table.rows]
    assert [row["text"] for row in rows] == ["a", "b", ""]
    assert [row["label"] for row in rows] == ["x", "", "y"]
    assert [(row["id"], row["score"], row["day"]) for row in rows[:2]] == [
        ("1", "0.5", "2026-01-02"),
        ("2", "", "2026-01-02"),
    ]
    assert table.unit == "record"


def test_a_path_leads_into_nested_columns(tmp_path: Path) -> None:
    path = save(tmp_path / "t.parquet", data=[{"text": "a"}], label=[[{"value": "x"}, {"value": "x"}]])
    task_rows = read(path, text="data.text", label="label.value").rows
    assert {(row.fields[-2], row.fields[-1], row.line) for row in task_rows} == {("a", "x", 1)}


def test_a_missing_column_lists_all(tmp_path: Path) -> None:
    path = save(tmp_path / "t.parquet", text=["a"], team=["x"])
    assert read(path).found == "'text', 'team'"


def test_a_table_of_parquet_becomes_a_task(tmp_path: Path) -> None:
    save(tmp_path / "t.parquet", text=list("abcd"), label=["x", "y", "x", "y"])
    settings = TaskSettings(data="t.parquet", text=("text",), label="label")
    assert load_task(settings, folder=tmp_path, name="t").labels == ("x", "y")


def test_what_is_no_parquet_is_refused_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for content in (b"", b"PAR1", b"x" * 100):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"t\.parquet: not a readable Parquet file") as caught:
            read(tmp_path / "t.parquet")
        assert "\n" not in str(caught.value)


def test_without_pyarrow_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "t.parquet")
    assert str(caught.value) == "t.parquet needs pyarrow. Install it: pip install 'opro-local[parquet]'."
