"""Sections as lines for a terminal: without pictures, and without what a page shows on a click."""

from collections.abc import Iterator, Sequence

from opro_local.report.section import Section, Words
from opro_local.report.table import Table, cell_text

INDENT = "  "
MARKS = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
"""As wdiff marks words."""


def terminal_lines(sections: Sequence[Section]) -> list[str]:
    """Each section under its title; one that has nothing for a terminal is left out."""
    parts = [[section.title, *body] for section in sections if (body := list(_body(section)))]
    return [line for i, part in enumerate(parts) for line in ([""] if i else []) + part]


def _body(section: Section) -> Iterator[str]:
    yield from (INDENT + line for line in section.lines)
    for block in section.blocks:
        yield f"{INDENT}{block.title}:"
        yield from (INDENT * 2 + line for line in block.text.splitlines())
    for table in section.tables:
        if table.brief and table.rows:
            yield from (INDENT + line for line in table_lines(table))
    if section.changes:
        yield INDENT + " ".join(map(_marked, section.changes))


def _marked(words: Words) -> str:
    return MARKS[words.change].format(words.text)


def table_lines(table: Table) -> list[str]:
    """Columns under each other: numbers to the right, a column that holds long texts at the end."""
    order = sorted(range(len(table.columns)), key=lambda i: table.kinds[i] == "text")
    cells = [[_one_line(cell_text(row[i])) for i in order] for row in (table.columns, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [table.kinds[i] == "number" for i in order]
    return [_aligned(line, widths, right) for line in cells]


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _aligned(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if to_the_right else cell.ljust(width)
        for cell, width, to_the_right in zip(line, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()
