"""The content of a report in the form that is asked for."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from opro_local.report.content import visible
from opro_local.report.page import difference_html, report_html
from opro_local.report.sheets import Sheet, difference_sheets, sheets
from opro_local.report.tables import neutralised

Document = Mapping[str, Any]
SCHEMA_VERSION = 1
MARKDOWN = re.compile(r"[\\`*_{}\[\]|#]")
LONGEST_CELL = 32_767
"""Characters; a workbook can hold no more in one cell."""


def in_form(document: Document, form: str) -> bytes:
    """A run_document; form is html, md, json, csv or xlsx."""
    if form == "html":
        return report_html(document).encode()
    if form == "json":
        return as_json(document)
    name = document["task"].get("name", document["kind"])
    return WRITERS[form](name, list(sheets(document)))


def difference_in_form(found: Document, form: str) -> bytes:
    """A run_difference; form is html, md, json, csv or xlsx."""
    if form == "html":
        return difference_html(found).encode()
    if form == "json":
        return as_json(found)
    return WRITERS[form]("Two runs", list(difference_sheets(found)))


def as_json(document: Document) -> bytes:
    whole = {"schema_version": SCHEMA_VERSION, **document}
    return (json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(_title: str, found: Sequence[Sheet]) -> bytes:
    """One table below the other, each with its title above and an empty line behind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for sheet in found:
        writer.writerows([[sheet.title], map(_safe, sheet.columns)])
        writer.writerows(map(_safe, row) for row in sheet.rows)
        writer.writerow([])
    return text.getvalue().encode()


def as_markdown(title: str, found: Sequence[Sheet]) -> bytes:
    """Texts of people and models stand in cells, where they are not read as Markdown."""
    lines = [f"# {_cell(title)}", ""]
    for sheet in found:
        lines += [f"## {sheet.title}", "", _line(sheet.columns), _line(["---"] * len(sheet.columns))]
        lines += [*map(_line, sheet.rows), ""]
    return "\n".join(lines).encode()


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(value: object) -> str:
    """As text of one line that ends no cell and opens no tag or link."""
    shown = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    text = " ".join(visible(shown).split())
    return escape(MARKDOWN.sub(r"\\\g<0>", text), quote=False)


def as_workbook(_title: str, found: Sequence[Sheet]) -> bytes:
    import xlsxwriter

    file = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(file, options) as book:
        for sheet in found:
            page = book.add_worksheet(sheet.title)
            for number, row in enumerate([sheet.columns, *sheet.rows]):
                for column, value in enumerate(row):
                    page.write(number, column, _fitting(_safe(value)))
    return file.getvalue()


def _safe(value: object) -> object:
    """Of a cell that a spreadsheet program reads."""
    return neutralised(value) if isinstance(value, str) else value


def _fitting(value: object) -> object:
    """What is too long for a cell is cut, and says so."""
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return f"{value[: LONGEST_CELL - 1]}\u2026"
    return value


WRITERS: Mapping[str, Callable[[str, Sequence[Sheet]], bytes]] = {
    "md": as_markdown,
    "csv": as_csv,
    "xlsx": as_workbook,
}
