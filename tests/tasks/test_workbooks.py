"""What a sheet shows and its values do not say: errors, formulas, merged cells, formats, hidden sheets."""

from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from workbooks import ods_row, ods_text, save_ods, save_xlsx, text_cell

from opro_local.answers.label import Label
from opro_local.config import TaskSettings
from opro_local.errors import DataError
from opro_local.tasks.readers import Table, read_table
from opro_local.tasks.sheet_cells import column_letters, place_of
from opro_local.tasks.xlsx_cells import shown_number

HEADER = (text_cell("text"), text_cell("label"), text_cell("note"))


def read(path: Path, **given: object) -> Table:
    values = {"text": "text", "label": "label", **given}
    return read_table(path, TaskSettings.model_validate(values), Label)


def fields(table: Table) -> list[tuple[str, ...]]:
    return [row.fields for row in table.rows]


def refusal(path: Path, **given: object) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **given)
    return str(caught.value)


UNSTORED = "a formula whose value was never stored. Save the file in a spreadsheet program"


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("<c><f>A2</f><v/></c>", UNSTORED),  # openpyxl
        ("<c><f>A2</f></c>", UNSTORED),  # Apache POI
        ('<c t="e"><f>VLOOKUP(1,A:B,2)</f><v>#N/A</v></c>', "the error #N/A. Correct its formula"),
        ('<c t="e"><v>#REF!</v></c>', "the error #REF!. Correct its formula"),
    ],
)
def test_cells_without_a_value_are_named_or_their_rows_skipped(tmp_path: Path, cell: str, why: str) -> None:
    good, odd = (text_cell("a"), text_cell("A")), (text_cell("b"), cell)
    path = save_xlsx(tmp_path / "t.xlsx", [HEADER, good, odd, good, odd, (cell, text_cell("A"))])
    assert refusal(path) == (
        f"t.xlsx cell Tickets!B3: {why} or pass --bad-rows skip. "
        "Also at fault: cell Tickets!B5, cell Tickets!A6."
    )
    assert fields(read(path, bad_rows="skip")) == [("a", "A", ""), ("a", "A", "")]
    assert why in (tmp_path / "t.rejects.csv").read_text(encoding="utf-8")


def test_cells_of_other_columns_may_hold_anything(tmp_path: Path) -> None:
    odd = [(text_cell("a"), text_cell("A"), '<c t="e"><v>#N/A</v></c>')]
    odd += [(text_cell("b"), text_cell("B"), "<c><f>A2</f><v/></c>")]
    assert fields(read(save_xlsx(tmp_path / "t.xlsx", [HEADER, *odd]))) == [("a", "A", ""), ("b", "B", "")]


def test_a_formula_may_have_the_empty_text_as_its_value(tmp_path: Path) -> None:
    empty = '<c t="str"><f>IF(1,"","x")</f><v></v></c>'  # Excel and LibreOffice
    assert fields(read(save_xlsx(tmp_path / "t.xlsx", [HEADER, (text_cell("a"), empty)]))) == [("a", "", "")]


def test_a_zero_that_awaits_its_first_calculation_is_no_value(tmp_path: Path) -> None:
    cell = "<c><f>A2</f><v>0</v></c>"  # XlsxWriter writes it so
    rows = [HEADER, (text_cell("a"), cell)]
    assert UNSTORED in refusal(save_xlsx(tmp_path / "t.xlsx", rows, recalculated=True))
    assert fields(read(save_xlsx(tmp_path / "t.xlsx", rows))) == [("a", "0", "")]
    with xlsxwriter.Workbook(str(tmp_path / "w.xlsx")) as book:
        sheet = book.add_worksheet("My tickets")
        sheet.write_row(0, 0, ["text", "label"])
        sheet.write_row(1, 0, ["a", '=A2&"x"'])
    assert refusal(tmp_path / "w.xlsx").startswith("w.xlsx cell 'My tickets'!B2: a formula")


def test_a_last_row_of_faults_only_is_no_missing_row(tmp_path: Path) -> None:
    odd = ("<c><f>A2</f><v/></c>", "<c><f>A2</f><v/></c>")
    path = save_xlsx(tmp_path / "t.xlsx", [HEADER, (text_cell("a"), text_cell("A")), odd])
    assert "cell Tickets!A3" in refusal(path)


def test_merged_cells_are_filled_down_and_told(tmp_path: Path) -> None:
    rows = [HEADER, (text_cell("a"), text_cell("A")), (text_cell("b"),), (text_cell("c"), text_cell("C"))]
    table = read(save_xlsx(tmp_path / "t.xlsx", rows, merged=["B2:B3"]))
    assert [row[:2] for row in fields(table)] == [("a", "A"), ("b", "A"), ("c", "C")]
    assert table.warnings == ("1 cell of merged ranges filled with their text.",)


def test_a_merged_error_is_an_error_in_each_row(tmp_path: Path) -> None:
    rows = [HEADER, (text_cell("a"), '<c t="e"><v>#N/A</v></c>'), (text_cell("b"),)]
    assert refusal(save_xlsx(tmp_path / "t.xlsx", rows, merged=["B2:B3"])).endswith("cell Tickets!B3.")


def test_a_heading_over_several_columns_is_no_row(tmp_path: Path) -> None:
    rows = [
        HEADER,
        (text_cell("a"), text_cell("A")),
        (text_cell("Week 2"),),
        (text_cell("b"), text_cell("B")),
    ]
    path = save_xlsx(tmp_path / "t.xlsx", rows, merged=["A3:C3"])
    assert refusal(path) == (
        "t.xlsx cell Tickets!B3: merged with A3. Split the merged cell or pass --bad-rows skip."
    )
    assert [row[0] for row in fields(read(path, bad_rows="skip"))] == ["a", "b"]


def test_a_title_above_the_header_is_left_out_and_told(tmp_path: Path) -> None:
    rows = [(text_cell("Survey"),), HEADER, (text_cell("a"), text_cell("A"))]
    table = read(save_xlsx(tmp_path / "t.xlsx", rows, merged=["A1:C1"]))
    assert [(row.line, row.fields) for row in table.rows] == [(3, ("a", "A", ""))]
    assert table.warnings == ("1 row above the header left out.",)


def test_a_header_of_two_rows_is_read_with_what_is_merged_into_its_last(tmp_path: Path) -> None:
    rows = [
        (text_cell("text"), text_cell("Judged")),
        ("<c/>", text_cell("label"), text_cell("note")),
        (text_cell("a"), text_cell("A"), text_cell("x")),
    ]
    table = read(save_xlsx(tmp_path / "t.xlsx", rows, merged=["A1:A2", "B1:C1"]))
    assert (table.columns, fields(table)) == (("text", "label", "note"), [("a", "A", "x")])


def test_cells_merged_down_in_a_header_are_no_row(tmp_path: Path) -> None:
    rows = [HEADER, ("<c/>",), (text_cell("a"), text_cell("A"), text_cell("x"))]
    table = read(save_xlsx(tmp_path / "t.xlsx", rows, merged=["A1:A2", "B1:B2", "C1:C2"]))
    assert (fields(table), table.warnings) == ([("a", "A", "x")], ())


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("1.5", "0%", "150%"),
        ("0.125", "0%", "13%"),
        ("0.12345", "0.00 %", "12.35%"),
        ("-0.5", '[Red]0.0%;"minus "0.0%', "-50.0%"),
        ("1.0625", "[h]:mm:ss", "25:30:00"),
        ("1.0625", "[h]:mm;@", "25:30"),
        ("0.0625", "[mm]:ss", "90:00"),
        ("0.0000115740740740741", "[ss].00", "01.00"),
        ("7", "000", "007"),
        ("1234.5", "#,##0.00", None),
        ("44000", "yyyy-mm-dd", None),
        ("5", 'General" %"', None),
        ("5", "", None),
    ],
)
def test_numbers_are_shown_as_the_cell_shows_them(value: str, code: str, shown: str | None) -> None:
    assert shown_number(value, code) == shown


def test_numbers_have_the_15_digits_that_spreadsheets_show(tmp_path: Path) -> None:
    """A sum such as .1 + .2 is stored with what binary fractions lack; no reply would have equalled it."""
    numbers = [0.1 + 0.2, 0.07 * 100, 6 * 1.1, -4.35 * 100, 2 / 3, 1e-7, 12.5, 1e16]
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate([("text", "label"), *((f"t{i}", n) for i, n in enumerate(numbers))]):
            sheet.write_row(row, 0, cells)
    shown = ["0.3", "7", "6.6", "-435", "0.666666666666667", "1e-07", "12.5", "10000000000000000"]
    assert [row[1] for row in fields(read(tmp_path / "t.xlsx"))] == shown


def test_shown_numbers_are_texts_and_lose_no_zeros(tmp_path: Path) -> None:
    rows = [HEADER, (text_cell("a"), '<c s="1"><v>7</v></c>', '<c s="2"><v>1.5</v></c>')]
    table = read(save_xlsx(tmp_path / "t.xlsx", rows, formats=["000", "0%"]))
    assert (fields(table), table.numeric_columns) == ([("a", "007", "150%")], frozenset())


def test_percentages_and_durations_of_a_workbook_that_excel_could_have_saved(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["text", "label", "note"])
        sheet.write(1, 0, "a")
        sheet.write(1, 1, 0.25, book.add_format({"num_format": 9}))
        sheet.write(1, 2, 1.0625, book.add_format({"num_format": 46}))
    assert fields(read(tmp_path / "t.xlsx")) == [("a", "25%", "25:30:00")]


def book_of_sheets(path: Path, **states: str) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        for name, state in states.items():
            if state == "chart":
                chart = book.add_chart({"type": "column"})
                chart.add_series({"values": "=Tickets!$A$1:$A$2"})
                book.add_chartsheet(name).set_chart(chart)
                continue
            sheet = book.add_worksheet(name)
            sheet.write_column(0, 0, ["text", name])
            sheet.write_column(0, 1, ["label", "A"])
            if state != "visible":
                getattr(sheet, state)()
    return path


@pytest.mark.parametrize("state", ["hide", "very_hidden", "chart"])
def test_what_is_hidden_or_no_table_is_no_sheet_to_choose(tmp_path: Path, state: str) -> None:
    path = book_of_sheets(tmp_path / "t.xlsx", Tickets="visible", Other=state)
    assert fields(read(path)) == [("Tickets", "A")]


def test_a_hidden_sheet_can_be_named_and_a_chart_cannot_be_read(tmp_path: Path) -> None:
    path = book_of_sheets(tmp_path / "t.xlsx", Tickets="visible", Lists="hide", Chart="chart")
    assert fields(read(path, sheet="Lists")) == [("Lists", "A")]
    expected = "t.xlsx: sheet 'Chart' is a chart, not a table; found 'Tickets', 'Lists'."
    assert refusal(path, sheet="Chart") == expected


def test_a_workbook_without_sheets_is_refused_in_one_line(tmp_path: Path) -> None:
    path = save_ods(tmp_path / "t.ods", {})
    assert refusal(path) == "t.ods has no sheet with a table. Save your rows as a sheet."


def test_a_workbook_of_hidden_sheets_asks_for_one(tmp_path: Path) -> None:
    rows = [ods_row("text", "label"), ods_row("a", "A")]
    path = save_ods(tmp_path / "t.ods", {"One": rows}, hidden=["One"])
    assert refusal(path) == "t.ods has 1 sheet ('One'), all hidden. Pass --sheet NAME."
    assert fields(read(path, sheet="One")) == [("a", "A")]


ERROR = (
    '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
    'calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
)


def test_an_ods_sheet_is_read_as_libreoffice_saves_it(tmp_path: Path) -> None:
    percent = (
        '<table:table-cell office:value-type="percentage" office:value="1.5"><text:p>150 %</text:p>'
        "</table:table-cell>"
    )
    duration = (
        '<table:table-cell office:value-type="time" office:time-value="PT25H30M00S"><text:p>25:30:00</text:p>'
        "</table:table-cell>"
    )
    merged = ods_text("A", 'table:number-rows-spanned="2" table:number-columns-spanned="1"')
    rows = [
        ods_row("text", "label", "note"),
        ods_row("a", merged, percent),
        ods_row("b", "<table:covered-table-cell/>", duration),
        ods_row("c", "C", ERROR),
        ods_row("<table:table-cell/>", times=1_048_570),
    ]
    path = save_ods(tmp_path / "t.ods", {"Tickets": rows, "Lists": [ods_row("x")]}, hidden=["Lists"])
    table = read(path)
    expected = [("a", "A", "150 %"), ("b", "A", "25:30:00"), ("c", "C")]
    assert [row[: len(e)] for row, e in zip(fields(table), expected, strict=True)] == expected
    assert [row.line for row in table.rows] == [2, 3, 4]


def test_an_ods_number_keeps_the_leading_zeros_that_its_cell_shows(tmp_path: Path) -> None:
    code = (
        '<table:table-cell office:value-type="float" office:value="7"><text:p>007</text:p></table:table-cell>'
    )
    table = read(save_ods(tmp_path / "t.ods", {"T": [ods_row("text", "label"), ods_row("a", code)]}))
    assert (fields(table), table.numeric_columns) == ([("a", "007")], frozenset())


def test_an_ods_formula_may_have_the_empty_text_as_its_value(tmp_path: Path) -> None:
    empty = (
        '<table:table-cell table:formula="of:=&quot;&quot;"><text:p/></table:table-cell>'  # LibreOffice 7.4
    )
    rows = [ods_row("text", "label", "note"), ods_row("a", empty, "x"), ods_row("b", "B", "y")]
    assert fields(read(save_ods(tmp_path / "t.ods", {"T": rows}))) == [("a", "", "x"), ("b", "B", "y")]


def test_faults_of_ods_cells_are_named(tmp_path: Path) -> None:
    unstored = '<table:table-cell table:formula="of:=[.A2]"/>'
    blank = ods_row("<table:table-cell/>", times=3)
    rows = [ods_row("text", "label"), blank, ods_row("a", ERROR), ods_row("b", unstored, times=2)]
    assert refusal(save_ods(tmp_path / "t.ods", {"T": rows})) == (
        "t.ods cell T!B5: the error #N/A. Correct its formula or pass --bad-rows skip. "
        "Also at fault: cell T!B6, cell T!B7."
    )


def test_an_ods_sheet_larger_than_any_is_refused_before_it_is_laid_out(tmp_path: Path) -> None:
    path = save_ods(tmp_path / "t.ods", {"T": [ods_row("text", "label"), ods_row("a", "A", times=10**11)]})
    assert "rows or columns outside of any sheet" in refusal(path)


def test_a_cell_outside_of_any_sheet_is_refused(tmp_path: Path) -> None:
    far = '<c r="B99999999999" t="e"><v>#N/A</v></c>'
    assert "not a readable .xlsx workbook" in refusal(save_xlsx(tmp_path / "t.xlsx", [HEADER, (far,)]))


@given(st.integers(0, 20_000), st.integers(0, 1_000_000))
@settings(max_examples=50, deadline=None)
def test_cells_have_the_names_that_formulas_use(column: int, row: int) -> None:
    assert place_of(f"{column_letters(column)}{row + 1}") == (row, column)
    assert [column_letters(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_what_is_no_workbook_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    for content in (b"text", b"PK\x03\x04", b""):
        path.write_bytes(content)
        assert refusal(path).startswith(f"t{suffix}: not a readable {suffix} workbook")
