"""CSV as spreadsheet programs write it: semicolons, tabs, a line that says sep=, Parquet beside it."""

from pathlib import Path

import pytest

from opro_local.answers.label import Label
from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.readers import Table, read_table


def read(path: Path, content: str, **given: object) -> Table:
    path.write_text(content, encoding="utf-8", newline="")
    values = {"text": "text", "label": "label", **given}
    return read_table(path, TaskSettings.model_validate(values), Label)


def fields(table: Table) -> list[tuple[str, ...]]:
    return [row.fields for row in table.rows]


@pytest.mark.parametrize(
    ("sign", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")], ids=["semicolon", "tab", "bar"]
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_delimiter_is_found_in_the_header_and_told(
    tmp_path: Path, sign: str, word: str, quote: str
) -> None:
    header = sign.join(f"{quote}{name}{quote}" for name in ("text", "label"))
    table = read(tmp_path / "t.csv", f'{header}\r\n"one, 1,5{sign} two"{sign}A\r\nx, y,z{sign}1,5\r\n')
    assert fields(table) == [(f"one, 1,5{sign} two", "A"), ("x, y,z", "1,5")]
    assert table.warnings == (f"the columns of t.csv are divided by {word}.",)


def test_a_tsv_file_may_have_commas(tmp_path: Path) -> None:
    table = read(tmp_path / "t.tsv", "text,label\na,A\n")
    assert (fields(table), table.warnings) == ([("a", "A")], ("the columns of t.tsv are divided by commas.",))


def test_commas_divide_where_the_columns_are_found_so(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", "text,label,a;b;c;d\nx;y,A,z\n")
    assert (fields(table), table.warnings) == ([("x;y", "A", "z")], ())


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_first_line_that_names_the_delimiter_is_no_header(tmp_path: Path, line: str) -> None:
    table = read(tmp_path / "t.csv", f"\ufeff{line}\r\ntext;label\r\na;A\r\n")
    assert (fields(table), table.rows[0].line) == ([("a", "A")], 3)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "t.csv", f"{line}\ntext;label\na;A\nb;c;d\n")
    assert str(caught.value) == (
        "t.csv line 4: 3 fields, header has 2. Quote the semicolon or pass --bad-rows skip."
    )


@pytest.mark.parametrize("given", ["semicolon", ";"])
def test_a_delimiter_that_is_given_holds(tmp_path: Path, given: str) -> None:
    table = read(tmp_path / "t.csv", "sep=,\ntext;label\na;A\n", delimiter=given)
    assert (fields(table), table.warnings) == ([("a", "A")], ())
    assert fields(read(tmp_path / "t.csv", "text~label\na~A\n", delimiter="~")) == [("a", "A")]


def test_a_delimiter_must_be_one_character_of_a_text_table(tmp_path: Path) -> None:
    for given in (";;", "", '"'):
        with pytest.raises(SettingsError, match="name one character, or comma, semicolon, tab, bar"):
            read(tmp_path / "t.csv", "text,label\n", delimiter=given)
    with pytest.raises(SettingsError, match=r"t\.jsonl is no \.csv or \.tsv file"):
        read(tmp_path / "t.jsonl", "{}", delimiter=";")


def test_a_wrong_column_of_a_semicolon_file_lists_those_that_are_there(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", "subject;team\na;A\n")
    assert table.found == "'subject', 'team'"


def test_long_cells_and_doubled_names_of_other_columns_are_not_looked_at(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", f"text,label,x,x\na,A,{'y' * 30},\n", max_field=10)
    assert fields(table)[0][:2] == ("a", "A")


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "#DIV/0!", "#NAME?", "Err:508"])
def test_an_error_that_a_spreadsheet_saved_is_no_label_and_no_text(tmp_path: Path, cell: str) -> None:
    content = f"text,label,note\na,A,{cell}\nb,{cell},\n{cell},B,\nsays {cell},B,\n"
    with pytest.raises(DataError) as caught:
        read(tmp_path / "t.csv", content)
    why = f"the error {cell}. Correct its formula or pass --bad-rows skip."
    assert str(caught.value) == f"t.csv line 3: {why} Also at fault: line 4."
    assert [row.line for row in read(tmp_path / "t.csv", content, bad_rows="skip").rows] == [2, 5]
