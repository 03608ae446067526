"""Every row of the fault table: what a file may hold, and what is refused where."""

import csv
import io
from pathlib import Path

import pytest
import xlsxwriter

from opro_local.answers.label import Label
from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.readers import Table, read_table


def write(folder: Path, content: str | bytes, *, name: str = "emails.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, *, skip: object = False, **given: object) -> Table:
    """The table, of which the columns text and t are used, and label and l."""
    values = {"text": ("text", "t"), "label": "label", "id": "l", "max_field": 100, **given}
    bad_rows = "skip" if skip else "error"
    settings = TaskSettings.model_validate(values | {"bad_rows": bad_rows})
    return read_table(path, settings, Label)


def fields(table: Table) -> list[tuple[str, ...]]:
    return [row.fields for row in table.rows]


def refusal(path: Path, **given: object) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **given)
    return str(caught.value)


def test_values_stay_text_as_written(tmp_path: Path) -> None:
    table = read(write(tmp_path, "text,label\na,None\nb,NA\nc,007\nd,null\n =1+1,1.0\n"))
    assert table.columns == ("text", "label")
    assert fields(table) == [("a", "None"), ("b", "NA"), ("c", "007"), ("d", "null"), (" =1+1", "1.0")]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert read(write(tmp_path, "text,label\na,b\n".encode("utf-8-sig"))).columns == ("text", "label")


def test_quotes_and_newlines_inside_fields_are_kept_and_lines_are_lines_of_the_file(tmp_path: Path) -> None:
    table = read(write(tmp_path, 'text,label\r\n"one\r\ntwo ""x"", y",A\r\n\r\nz,B\r\n'))
    assert fields(table) == [('one\r\ntwo "x", y', "A"), ("z", "B")]
    assert [row.line for row in table.rows] == [2, 5]


def test_a_ragged_row_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, 'text,label\n"a\nb",A\nDear Sir, hello,B\n')
    expected = "emails.csv line 4: 3 fields, header has 2. Quote the comma or pass --bad-rows skip."
    assert refusal(path) == expected


def test_a_short_row_of_a_tsv_names_the_tab(tmp_path: Path) -> None:
    path = write(tmp_path, "text\tlabel\nonly text\n", name="t.tsv")
    assert refusal(path) == "t.tsv line 2: 1 field, header has 2. Quote the tab or pass --bad-rows skip."


def test_skipped_rows_are_kept_beside_the_data_with_their_reason(tmp_path: Path) -> None:
    table = read(write(tmp_path, 'text,label\na,A\nx,y,z\n"long",B\n' + "q" * 101 + ",C\n"), skip=True)
    assert fields(table) == [("a", "A"), ("long", "B")]
    rejects = tmp_path / "emails.rejects.csv"
    assert table.warnings == (f"2 rows skipped; see {rejects} for each reason.",)
    with rejects.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["line", "reason", "text", "label"],
            ["3", "3 fields, header has 2. Quote the comma", "x", "y", "z"],
            ["5", "a field of 101 characters, the most is 100. Raise --max-field", "q" * 101, "C"],
        ]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_rejects_are_as_private_as_their_table(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, "text,label\na,A\nx\n")
    path.chmod(mode)
    (tmp_path / "emails.rejects.csv").touch(mode=0o644)  # of an earlier time
    read(path, skip=True)
    assert (tmp_path / "emails.rejects.csv").stat().st_mode & 0o777 == mode


def test_rejects_go_to_the_current_folder_when_the_data_folder_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    path = write(tmp_path, "text,label\na,A\nx\n")
    # A folder of that name refuses the file for every user, the superuser too.
    (tmp_path / "emails.rejects.csv").mkdir()
    monkeypatch.chdir(here)
    assert read(path, skip=True).warnings == ("1 row skipped; see emails.rejects.csv for each reason.",)
    assert (here / "emails.rejects.csv").is_file()


def test_rejects_that_can_be_written_nowhere_stop_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "text,label\na,A\nx\n")
    (tmp_path / "emails.rejects.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"emails\.rejects\.csv can be written neither"):
        read(path, skip=True)


def test_nothing_left_after_skipping_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable rows"):
        read(write(tmp_path, "text,label\nx\n"), skip=True)


@pytest.mark.parametrize(
    ("row", "what"),
    [('"open,B\nnext,C', "a quoted field never ends"), ('"a"b,C', "text follows a closing quote")],
)
def test_a_broken_quote_is_refused_even_when_skipping(tmp_path: Path, row: str, what: str) -> None:
    path = write(tmp_path, f"text,label\na,A\n{row}\n")
    with pytest.raises(DataError) as caught:
        read(path, skip=True)
    assert str(caught.value) == f'emails.csv line 3: {what}. Write a quote inside a field as "".'


def test_the_field_cap_is_the_callers_and_leaves_the_process_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = write(tmp_path, f"text,label\n{'x' * 200_000},A\n")
    assert len(fields(read(path, max_field=200_000))[0][0]) == 200_000
    assert refusal(path, max_field=199_999).startswith("emails.csv line 2: a field of 200,000 characters")
    assert csv.field_size_limit() == before


def test_a_wrong_encoding_shows_byte_line_and_candidates(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\nna,A\ncafé,B\n".encode("cp1252"))
    message = refusal(path)
    assert message.startswith(
        "emails.csv line 3: byte 0xe9 at offset 19 is not utf-8. It can be read as cp1252,"
    )
    assert message.endswith("pass the right one with --encoding.")
    assert fields(read(path, encoding="cp1252"))[1] == ("café", "B")


def test_a_marked_utf16_file_is_recognised_and_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\na,A\n".encode("utf-16"))
    assert "It can be read as utf-16, " in refusal(path)
    assert read(path, encoding="utf-16").columns == ("text", "label")
    assert read(path, encoding="utf-16-le").columns == ("text", "label")


def test_bytes_that_no_encoding_reads_are_no_text(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, b"\x81\xff\xff\x81\n")).endswith("is it a text file?")


def test_an_unknown_encoding_is_a_wrong_setting(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\na,A\n")
    for encoding in ("utf-99", "rot13", "a\0b"):
        with pytest.raises(SettingsError, match="no such text encoding"):
            read(path, encoding=encoding)


def test_a_nul_byte_is_refused_with_its_position(tmp_path: Path) -> None:
    path = write(tmp_path, "text,label\na\0b,A\n")
    assert refusal(path) == "emails.csv line 2: NUL at column 2. If it is UTF-16: --encoding utf-16-le."


@pytest.mark.parametrize("name", ["e.csv", "e.tsv", "e.jsonl"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(write(tmp_path, "\n", name=name)).startswith(f"{name} is empty: ")


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, "text,label\n")).startswith("emails.csv has columns but no usable rows")


def test_columns_with_one_name_are_refused_where_one_is_used(tmp_path: Path) -> None:
    table = read(write(tmp_path, "a,b,a\n1,2,3\n"))
    assert table.index("b") == 1
    with pytest.raises(DataError) as caught:
        table.index("a")
    assert str(caught.value) == "emails.csv: two columns are named 'a'. Rename one."
    assert read(write(tmp_path, ",text,,label\n0,t,,A\n")).columns == ("", "text", "", "label")


def test_a_missing_file_a_folder_and_an_unknown_kind_are_refused(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path / "none.csv")
        == "none.csv: cannot be read (No such file or directory). Check the path."
    )
    (tmp_path / "d.csv").mkdir()
    assert "Is a directory" in refusal(tmp_path / "d.csv")
    assert refusal(write(tmp_path, "x", name="t.xls")).startswith("t.xls: cannot read .xls.")


def test_standard_input_is_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"text,label\na,A\n")))
    table = read(Path("-"))
    assert (table.name, fields(table)) == ("stdin", [("a", "A")])


def test_an_unknown_column_lists_those_that_are_there(tmp_path: Path) -> None:
    table = read(write(tmp_path, "text, label\na,A\n"))
    with pytest.raises(DataError) as caught:
        table.index("label")
    assert str(caught.value) == "emails.csv has no column 'label'; found 'text', ' label'."


def test_json_scalars_become_their_json_text(tmp_path: Path) -> None:
    lines = (
        '{"t": "a\\u2028b", "l": 1.50}\r\n\n{"l": true, "t": 12345678901234567890}\n{"t": null, "l": "NA"}\n'
    )
    table = read(write(tmp_path, lines.replace("\\u2028", "\u2028"), name="t.jsonl"))
    assert table.columns == ("t", "l")
    assert fields(table) == [("a\u2028b", "1.50"), ("12345678901234567890", "true"), ("", "NA")]
    assert [row.line for row in table.rows] == [1, 3, 4]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"t": ["x", "y"], "l": "A"}', "'t' holds 2 values. Give one"),
        ('{"t": {"u": 1}, "l": 1}', "the value of 't' is nested. Name the field that is meant, as 't.u'"),
        ('{"t": {}, "l": 1}', "the value of 't' is no text. Give text, a number, true, false or null"),
        ('{"t": "x"', "not valid JSON at column 10 (Expecting ',' delimiter). Correct it"),
        ('["x", "A"]', "not a JSON object with keys. Give an object for each row"),
        ("7", "not a JSON object with keys. Give an object for each row"),
        ('{"t": "x", "t": "y", "l": 1}', "a key appears twice in one object. Rename one"),
        ('{"t": NaN, "l": 1}', "NaN is not JSON. Write null or text"),
        ("[" * 100_000, "JSON nested too deeply. Give one flat object a line"),
        ('{"t": "a\\u0000", "l": 1}', "a NUL or half a surrogate pair in a field. Remove it"),
        ('{"t": "\\ud83d", "l": 1}', "a NUL or half a surrogate pair in a field. Remove it"),
    ],
)
def test_a_bad_json_line_is_refused_or_skipped(tmp_path: Path, line: str, why: str) -> None:
    path = write(tmp_path, '{"t": "a", "l": "A"}\n' + line + "\n", name="t.jsonl")
    assert refusal(path) == f"t.jsonl line 2: {why} or pass --bad-rows skip."
    table = read(path, skip=True)
    assert fields(table) == [("a", "A")]
    assert why in (tmp_path / "t.rejects.csv").read_text(encoding="utf-8")


def workbook(folder: Path, **sheets: list[list[object]]) -> Path:
    path = folder / "t.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                sheet.write_row(i, 0, row)
    return path


def test_typed_cells_become_text_and_number_columns_are_noted(tmp_path: Path) -> None:
    rows: list[list[object]] = [[], ["text", "label", "x"], ["a", 7, 2.5], [], ["b", "007", True], ["c"]]
    table = read(workbook(tmp_path, S=rows))
    assert table.columns == ("text", "label", "x")
    assert fields(table) == [("a", "7", "2.5"), ("b", "007", "TRUE"), ("c", "", "")]
    assert [row.line for row in table.rows] == [3, 5, 6]
    assert table.numeric_columns == {"label", "x"}


def test_a_cell_outside_the_header_is_refused_by_its_row(tmp_path: Path) -> None:
    path = workbook(tmp_path, S=[["text", "label"], ["a", "A"], ["b", "B", "stray"]])
    expected = "t.xlsx row 3: 3 fields, header has 2. Name every column or pass --bad-rows skip."
    assert refusal(path) == expected


def test_several_sheets_need_a_choice(tmp_path: Path) -> None:
    path = workbook(tmp_path, One=[["a"], ["1"]], Two=[["text"], ["t"]])
    assert refusal(path) == "t.xlsx has 2 sheets ('One', 'Two'). Pass --sheet NAME."
    chosen = read(path, sheet="Two")
    assert fields(chosen) == [("t",)]
    with pytest.raises(DataError, match=r"sheet 'Three' is not there; found 'One', 'Two'"):
        read(path, sheet="Three")


def test_an_empty_sheet_and_a_file_that_is_no_workbook_are_refused(tmp_path: Path) -> None:
    assert refusal(workbook(tmp_path, S=[])).startswith("t.xlsx is empty")
    assert refusal(write(tmp_path, "text", name="t.xlsx")).startswith("t.xlsx: not a readable .xlsx workbook")


def test_a_sheet_for_a_text_file_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has no sheets"):
        read(tmp_path / "t.csv", sheet="A")
