"""Sections in the form of a file: a page, Markdown, CSV or a workbook; JSON is of the result itself."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from opro_local.report.difference import difference_sections
from opro_local.report.page import page_html
from opro_local.report.section import Section
from opro_local.report.sections import sections
from opro_local.report.spreadsheet import neutralised
from opro_local.report.table import Table
from opro_local.results.difference import RunDifference
from opro_local.results.document import json_text
from opro_local.results.result import RunResult
from opro_local.wording import visible

MARKDOWN = re.compile(r"[\\`*_{}\[\]|#]")
LONGEST_CELL = 32_767
"""Characters; a workbook can hold no more in one cell."""
IN_WORDS = "In words"
"""The sheet of all sentences and texts."""


def in_form(run: RunResult, form: str) -> bytes:
    """A report of a run; form is html, md, json, csv or xlsx."""
    if form == "json":
        return json_text(run).encode()
    return WRITERS[form](run.name, f"run {run.run}", sections(run))


def difference_in_form(found: RunDifference, form: str) -> bytes:
    """A report of two runs; form is html, md, json, csv or xlsx."""
    if form == "json":
        return json_text(found).encode()
    return WRITERS[form]("Two runs", " and ".join(found.runs), difference_sections(found))


def as_page(title: str, of: str, found: Sequence[Section]) -> bytes:
    return page_html(title, of, found).encode()


def as_csv(_title: str, of: str, found: Sequence[Section]) -> bytes:
    """One part below the other, each with its title above and an empty line behind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[of], []])
    for section in found:
        words = list(_csv_words(section))
        writer.writerow([section.title])
        writer.writerows(map(_safe, row) for row in words)
        for table in section.all_tables():
            writer.writerows([[]] if words or table.title != section.title else [])
            writer.writerows(_csv_title(table, section.title))
            writer.writerows(map(_safe, row) for row in table.in_numbers())
        writer.writerow([])
    return text.getvalue().encode()


def _csv_words(section: Section) -> Iterator[Sequence[str]]:
    yield from ((line,) for line in section.lines)
    yield from ((block.title, block.text) for block in section.all_blocks())


def _csv_title(table: Table, above: str) -> Iterator[Sequence[str]]:
    """A table of the section's own title has it already."""
    if table.title != above:
        yield (table.title, table.caption) if table.caption else (table.title,)
    elif table.caption:
        yield (table.caption,)


def as_markdown(title: str, of: str, found: Sequence[Section]) -> bytes:
    """Texts of people and models stand in lines and cells, where they are not read as Markdown."""
    lines = [f"# {_text(title)}", "", _text(of), ""]
    for section in found:
        lines += [f"## {section.title}", ""]
        lines += [f"- {_text(line)}" for line in section.lines]
        lines += [f"- {_text(block.title)}: {_text(block.text)}" for block in section.all_blocks()]
        lines += [""] if lines[-1] else []
        for table in section.all_tables():
            lines += [*_markdown_table(table, section.title), ""]
    return "\n".join(lines).encode()


def _markdown_table(table: Table, above: str) -> Iterator[str]:
    if table.title != above:
        yield f"### {table.title}"
        yield ""
    if table.caption:
        yield table.caption
        yield ""
    head, *rows = table.in_numbers()
    yield _line(head)
    yield _line(["---"] * len(head))
    yield from map(_line, rows)


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(_text, cells))} |"


def _text(value: object) -> str:
    """Of one line that ends no cell and opens no tag or link."""
    shown = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    text = " ".join(visible(shown).split())
    return escape(MARKDOWN.sub(r"\\\g<0>", text), quote=False)


def as_workbook(_title: str, of: str, found: Sequence[Section]) -> bytes:
    """A sheet for all sentences, and one for each table."""
    import xlsxwriter

    file = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(file, options) as book:
        for title, rows in sheets(of, found):
            page = book.add_worksheet(title)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    page.write(number, column, _fitting(_safe(value)))
    return file.getvalue()


def sheets(of: str, found: Sequence[Section]) -> Iterator[tuple[str, list[Sequence[object]]]]:
    """Titles and rows, the names of the columns first."""
    words = [(section.title, line) for section in found for line in section.lines]
    texts = [(block.title, block.text) for section in found for block in section.all_blocks()]
    yield IN_WORDS, [("part", of), *words, *texts]
    for section in found:
        for table in section.all_tables():
            yield table.title, list(table.in_numbers())


def _safe(value: object) -> object:
    """Of a cell that a spreadsheet program reads."""
    return neutralised(value) if isinstance(value, str) else value


def _fitting(value: object) -> object:
    """What is too long for a cell is cut, and says so."""
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return f"{value[: LONGEST_CELL - 1]}\u2026"
    return value


WRITERS: Mapping[str, Callable[[str, str, Sequence[Section]], bytes]] = {
    "html": as_page,
    "md": as_markdown,
    "csv": as_csv,
    "xlsx": as_workbook,
}
