"""data check and a step of a run on tables as offices and annotation tools write them; models scripted."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import annotation_exports as exports
import pytest
import xlsxwriter
from click.testing import CliRunner, Result
from scripted_models import play_roles
from workbooks import ods_row, save_ods, save_xlsx, text_cell

from opro_local.cli import main
from opro_local.testing import ScriptedEngine

TEXTS = [f"{'Splendid' if i % 2 else 'Dreadful'}, item {i}, 1,5 stars" for i in range(20)]
ROWS: exports.Rows = [(text, [("neg", "pos")[i % 2]]) for i, text in enumerate(TEXTS)]
STEP = (
    "--method",
    "opro",
    "--steps",
    "1",
    "--proposals-per-step",
    "1",
    "--exemplars",
    "1",
    "--headroom",
    "0",
)


def labels_of(rows: exports.Rows) -> list[tuple[str, str]]:
    return [(text, labels[0]) for text, labels in rows]


def excel(path: Path, rows: exports.Rows) -> None:
    """Two sheets, one hidden, labels as formulas with values, one merged."""
    with xlsxwriter.Workbook(str(path)) as book:
        sheet, lists = book.add_worksheet("Tickets"), book.add_worksheet("Lists")
        lists.hide()
        sheet.write_row(0, 0, ["text", "label", "share"])
        percent = book.add_format({"num_format": "0%"})
        for i, (text, label) in enumerate(labels_of(rows), start=1):
            sheet.write(i, 0, text)
            sheet.write_formula(i, 1, "=Lists!A1", value=label)
            sheet.write(i, 2, 0.5, percent)


def excel_merged(path: Path, rows: exports.Rows) -> None:
    """Sorted by label, a merged cell for each."""
    ordered = sorted(labels_of(rows), key=lambda row: row[1])
    cells = [(text_cell("text"), text_cell("label"))]
    cells += [
        (text_cell(text), text_cell(label) if i in (0, 10) else "<c/>")
        for i, (text, label) in enumerate(ordered)
    ]
    save_xlsx(path, cells, merged=["B2:B11", "B12:B21"])


def libre_office(path: Path, rows: exports.Rows) -> None:
    table = [ods_row("text", "label"), *(ods_row(*row) for row in labels_of(rows))]
    empty = ods_row("<table:table-cell/>", times=1_048_555)
    save_ods(path, {"Tickets": [*table, empty], "Lists": [ods_row("x")]}, hidden=["Lists"])


def semicolons(path: Path, rows: exports.Rows) -> None:
    lines = "".join(f"{text};{label}\r\n" for text, label in labels_of(rows))
    path.write_bytes(f"text;label\r\n{lines}".encode("cp1252"))


TABLES: Mapping[str, tuple[Callable[[Path, exports.Rows], None], str, tuple[str, ...]]] = {
    "label studio": (
        exports.label_studio_json,
        "t.json",
        ("--text", "data.text", "--label", "annotations.0.result.0.value.choices"),
    ),
    "label studio min": (exports.label_studio_json_min, "t.json", ("--label", "sentiment")),
    "label studio csv": (exports.label_studio_csv, "t.csv", ("--label", "sentiment")),
    "argilla": (
        exports.argilla,
        "t.json",
        ("--text", "fields.text", "--label", "responses.label.value", "--annotators", "majority"),
    ),
    "doccano": (exports.doccano, "t.jsonl", ()),
    "prodigy": (exports.prodigy, "t.jsonl", ("--label", "accept")),
    "excel": (excel, "t.xlsx", ()),
    "excel, merged": (excel_merged, "t.xlsx", ()),
    "libreoffice": (libre_office, "t.ods", ()),
    "semicolons": (semicolons, "t.csv", ("--encoding", "cp1252")),
}


@pytest.fixture
def options(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The table of this name, written into the current folder, as the command line names it."""
    monkeypatch.chdir(tmp_path)
    save, file, given = TABLES[request.param]
    save(Path(file), ROWS)
    usual = {"--text": "text", "--label": "label"}
    return [
        "--data",
        file,
        *given,
        *(word for pair in usual.items() if pair[0] not in given for word in pair),
    ]


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result


def log_prob(text: str) -> float:
    """Of a model that is always right."""
    question, answer = text.rsplit("\n[assistant] ", 1)
    right = "pos" if "Splendid" in question.rsplit("[user] ", 1)[1] else "neg"
    return math.log(0.9 if answer == right else 0.1)


@pytest.mark.parametrize("options", TABLES, indirect=True)
def test_the_table_is_checked_and_searched(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    checked = call("data", "check", *options)
    assert checked.stdout.splitlines()[:3] == [
        "rows        20 (0 more without a label)",
        "labels      neg 10, pos 10",
        "characters  27 to 28, median 27.5",
    ]

    play_roles(monkeypatch, ScriptedEngine(log_prob=log_prob, samples=(("Sort it.</INS>",),)))
    result = call("run", "--model", "scripted", *options, *STEP, "--json")
    document = json.loads(result.stdout)
    assert document["task"]["rows"] == {"train": 8, "validation": 4, "test": 8, "pool": 0}
    assert (document["test"]["n"], document["test"]["value"]) == (8, 1.0)


def test_a_run_tells_of_labels_that_are_too_rare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exports.doccano(Path("t.jsonl"), [*ROWS, ("odd one", ["rare"]), ("odd two", ["rare"])])
    play_roles(monkeypatch, ScriptedEngine(log_prob=log_prob, samples=(("Sort it.</INS>",),)))
    table = ("--data", "t.jsonl", "--text", "text", "--label", "label")
    told = "note: no row of validation has the label 'rare': it does not count in which prompt wins."
    assert told in call("run", "--model", "scripted", *table, *STEP).stderr.splitlines()
