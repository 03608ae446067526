"""Targets that read what users give: tables, task files, settings, and replies of a scorer."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xlsxwriter
from hypothesis import strategies as st

from fuzzing.texts import damaged, json_text, names, objects, texts, values
from fuzzing.trying import Target
from opro_local.answers import grader_of, kind_class, kind_names, kind_of
from opro_local.config import RunSettings, TaskSettings
from opro_local.config.checking import parse_settings, read_toml
from opro_local.records import Example
from opro_local.tasks.inspection import inspect_task
from opro_local.tasks.loading import load_task
from opro_local.tasks.sources import load_task_file

KINDS = tuple(name for name in kind_names() if name != "python")
PUBLISHED = tuple(name for name in KINDS if name != "regex")
"""Kinds with a grader that others published."""

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "shift_jis", "no-such-encoding")
RIGHT_ROWS = [{"text": f"mail {i}", "label": "ab"[i % 2]} for i in range(12)]
RIGHT = "text,label,id\n" + "".join(f'"mail {i}, from Zoë",{"ab"[i % 2]},{i}\n' for i in range(12))

RIGHT_TASK = b'data = "a.csv"\ntext = ["a", "b"]\nlabel = "l"\nanswer = "label"\nlabels = ["x", "y"]\n'
RIGHT_SETTINGS = b'[models]\nscorer = "a"\n[budget]\nsteps = 5\ntrain_rows = 24\n[search]\nseed = 1\n'


def reading_targets() -> Iterator[Target]:
    yield Target(name="csv", examples=st.tuples(_delimited(), _options()), work=_table_work(".csv"))
    yield Target(name="tsv", examples=st.tuples(_delimited(), _options()), work=_table_work(".tsv"))
    yield Target(name="jsonl", examples=st.tuples(_json_lines(), _options()), work=_table_work(".jsonl"))
    yield Target(name="json", examples=st.tuples(_json(), _options()), work=_table_work(".json"))
    yield Target(
        name="xlsx", examples=st.tuples(_workbooks(), _options(sheets=True)), work=_table_work(".xlsx")
    )
    for kind in KINDS:
        for grading in ("strict", "official") if kind in PUBLISHED else ("strict",):
            yield Target(name=f"{kind}-{grading}", examples=_replies(), work=_grade_work(kind, grading))
    yield Target(name="task-file", examples=_toml(RIGHT_TASK), work=_task_file)
    yield Target(name="settings", examples=_toml(RIGHT_SETTINGS), work=_settings)


def _options(*, sheets: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """What may be said of a table."""
    chosen: dict[str, st.SearchStrategy[Any]] = {
        "answer": st.sampled_from([kind for kind in KINDS if kind != "regex"]),
        "bad_rows": st.sampled_from(("error", "skip")),
        "encoding": st.sampled_from(("utf-8", *ENCODINGS)),
        "id": names,
        "max_field": st.sampled_from((1, 100, 100_000)),
        **({"sheet": st.sampled_from(("Sheet1", "Sheet2"))} if sheets else {}),
    }
    text = st.sampled_from((("text",), ("text",), ("text",), ("text", "id"), ("x",)))
    few = st.sets(st.sampled_from(sorted(chosen)), max_size=2).flatmap(
        lambda keys: st.fixed_dictionaries({key: chosen[key] for key in sorted(keys)})
    )
    return st.tuples(text, few).map(lambda made: {"text": made[0], **made[1]})


def _delimited() -> st.SearchStrategy[bytes]:
    right = st.tuples(texts, st.sampled_from("ab"), texts).map(list)
    rows = _mostly(right, st.lists(texts, max_size=4))
    joined = st.tuples(rows, st.sampled_from((",", ";", "\t")), st.booleans()).map(
        lambda made: _joined(*made)
    )
    encoded = st.tuples(joined, st.sampled_from(("utf-8", *ENCODINGS[:4]))).map(
        lambda made: made[0].encode(made[1], errors="replace")
    )
    return encoded | damaged(RIGHT.encode()) | st.binary(max_size=60)


def _mostly(right: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Rows enough for a task, and a few others."""
    pair = st.tuples(st.lists(right, min_size=8, max_size=12), st.lists(odd, max_size=2))
    return pair.map(lambda made: [*made[0], *made[1]])


def _joined(rows: list[list[str]], delimiter: str, quoted: bool) -> str:
    rows = [["text", "label", "id"], *rows]
    if not quoted:
        return "\n".join(map(delimiter.join, rows))
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue()


def _json_lines() -> st.SearchStrategy[bytes]:
    right = b"".join(json.dumps(row).encode() + b"\n" for row in RIGHT_ROWS)
    lines = _json_rows().map("\n".join)
    return lines.map(lambda text: text.encode("utf-8", "surrogatepass")) | damaged(right)


def _json_rows() -> st.SearchStrategy[list[str]]:
    rows = st.fixed_dictionaries(
        {"text": texts, "label": st.sampled_from("ab") | values}, optional={"id": values}
    )
    records = (rows | objects | values).map(lambda value: json.dumps(value, ensure_ascii=False))
    right_row = st.fixed_dictionaries({"text": texts, "label": st.sampled_from("ab")}).map(json.dumps)
    return _mostly(right_row, records)


def _json() -> st.SearchStrategy[bytes]:
    listed = _json_rows().map(lambda rows: f"[{', '.join(rows)}]")
    made = (listed | json_text).map(lambda text: text.encode("utf-8", "surrogatepass"))
    return made | damaged(json.dumps(RIGHT_ROWS).encode()) | st.binary(max_size=60)


def _workbooks() -> st.SearchStrategy[bytes]:
    cell = st.one_of(texts, st.integers(), st.floats(), st.booleans())
    cells = _mostly(st.tuples(texts, st.sampled_from("ab")).map(list), st.lists(cell, max_size=4))
    right = _workbook([["text", "label"], *([f"mail {i}", "ab"[i % 2]] for i in range(12))])
    return cells.map(lambda rows: _workbook([["text", "label", "id"], *rows])) | damaged(right)


def _workbook(rows: list[list[Any]]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "nan_inf_to_errors": True}) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell[:1000] if isinstance(cell, str) else cell)
    return file.getvalue()


def _table_work(suffix: str) -> Callable[[tuple[bytes, dict[str, Any]]], object]:
    def work(example: tuple[bytes, dict[str, Any]]) -> object:
        content, options = example
        with _file(f"table{suffix}", content) as path:
            settings = TaskSettings(data=path.name, label="label", **options)
            return inspect_task(load_task(settings, folder=path.parent, name="fuzz"), seed=0)

    return work


@contextmanager
def _file(name: str, content: bytes) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def _replies() -> st.SearchStrategy[tuple[str, str, str, bool]]:
    question = texts | st.just("Which?\nOptions:\n(A) red\n(B) green")
    target = st.sampled_from(("(A)", "B", "7", "1,234.5", "yes", "True", "spam", "two words", "")) | texts
    return st.tuples(texts, question, target, st.booleans())


def _grade_work(kind: str, grading: Any) -> Callable[[tuple[str, str, str, bool]], object]:
    form = TaskSettings(
        answer=kind,
        labels=("spam", "not spam", "7") if "labels" in kind_class(kind).uses else (),
        fields=("colour=label", "count=number?") if kind == "fields" else (),
        pattern=r"answer is (\w+)" if kind == "regex" else None,
    )

    def work(example: tuple[str, str, str, bool]) -> object:
        reply, question, target, cut = example
        grader = grader_of(kind_of(kind, form), grading)
        grader.is_final(reply, question)
        return grader.grade(reply, Example(id="1", text=question, target=target), cut=cut)

    return work


def _toml(right: bytes) -> st.SearchStrategy[bytes]:
    keys = st.sampled_from((*TaskSettings.model_fields, *RunSettings.model_fields, "steps", "seed", "scorer"))
    lines = st.lists(st.tuples(keys, json_text).map(" = ".join) | keys.map("[{}]".format) | texts, max_size=8)
    deep = st.integers(1, 3_000).map(lambda depth: "data = " + "[" * depth + "]" * depth)
    nested = st.integers(1, 3_000).map(lambda depth: "a." * depth + "a = 1")
    made = (lines.map("\n".join) | deep | nested).map(lambda text: text.encode("utf-8", "surrogatepass"))
    return made | damaged(right)


def _task_file(content: bytes) -> object:
    with _file("task.toml", content) as path:
        return load_task_file(path)


def _settings(content: bytes) -> object:
    with _file("opro-local.toml", content) as path:
        return parse_settings(RunSettings, read_toml(path), source=path.name)
