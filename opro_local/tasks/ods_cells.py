"""SheetCells of an .ods file."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, fromstring, iterparse
from zipfile import ZipFile

from opro_local.tasks.sheet_cells import (
    ROWS,
    UNSTORED,
    Place,
    SheetCells,
    attribute,
    local,
    shows_error,
    within,
)

SHOWN_KINDS = ("percentage", "time")
LEADING_ZEROS = re.compile("0[0-9]+")
MOST_REPEATED = 10_000
"""Rows or columns that one element may stand for and still hold cells of a table; more are the empty rest."""


@dataclass(slots=True)
class _Found:
    faults: dict[Place, str] = field(default_factory=dict)
    shown: dict[Place, str] = field(default_factory=dict)
    merged: list[tuple[Place, Place]] = field(default_factory=list)


REPEATS = re.compile(rb'number-(?:rows|columns)-repeated="0*(\d+)')


def check_ods(content: bytes) -> None:
    """Raises ParseError for XML that is damaged and ValueError for rows that no sheet has.

    calamine 0.9.1 hangs on the one and lays the other out.
    """
    with ZipFile(io.BytesIO(content)) as archive:
        text = archive.read("content.xml")
    fromstring(text)
    if any(len(n) > 7 or int(n) > ROWS for n in REPEATS.findall(text)):
        raise ValueError("rows or columns outside of any sheet")


def ods_cells(content: bytes, sheet: str) -> SheetCells:
    """Raises KeyError, ValueError, ParseError and BadZipFile for a file that is no workbook."""
    found = _Found()
    with ZipFile(io.BytesIO(content)) as archive, archive.open("content.xml") as file:
        for row, cells in _rows(iterparse(file, events=("start", "end")), sheet):
            for column, cell in cells:
                _note(found, within((row, column)), cell)
    return SheetCells(faults=found.faults, shown=found.shown, merged=tuple(found.merged))


def _rows(
    events: Iterator[tuple[str, Element]], sheet: str
) -> Iterator[tuple[int, list[tuple[int, Element]]]]:
    """The rows of a sheet that have cells, by number, each repeated as often as it is to be."""
    inside, number = False, 0
    for event, element in events:
        name = local(element.tag)
        if name == "table" and event == "start":
            inside, number = attribute(element, "name") == sheet, 0
        elif name == "table-row" and event == "end" and inside:
            times = int(attribute(element, "number-rows-repeated") or 1)
            cells = list(_columns(element))
            for row in range(number, number + times if cells and times <= MOST_REPEATED else number):
                yield row, cells
            number += times
            element.clear()


def _columns(row: Element) -> Iterator[tuple[int, Element]]:
    column = 0
    for cell in row:
        if local(cell.tag) in ("table-cell", "covered-table-cell"):
            times = int(attribute(cell, "number-columns-repeated") or 1)
            if _says_anything(cell):
                yield from ((column + i, cell) for i in range(min(times, MOST_REPEATED)))
            column += times


def _says_anything(cell: Element) -> bool:
    return any(
        attribute(cell, name)
        for name in ("value-type", "formula", "number-rows-spanned", "number-columns-spanned")
    )


def _note(found: _Found, place: Place, cell: Element) -> None:
    kinds = {value for key, value in cell.attrib.items() if local(key) == "value-type"}
    parts = [part for part in cell if local(part.tag) == "p"]
    text = "\n".join("".join(part.itertext()) for part in parts)
    formula = attribute(cell, "formula")
    if "error" in kinds or (formula and text.startswith("Err:")):
        found.faults[place] = shows_error(text)
    elif formula and not kinds and not parts:  # LibreOffice shows an empty text without naming its kind
        found.faults[place] = UNSTORED
    elif text and (kinds & set(SHOWN_KINDS) or (kinds and LEADING_ZEROS.fullmatch(text))):
        found.shown[place] = text
    rows, columns = (int(attribute(cell, f"number-{what}-spanned") or 1) for what in ("rows", "columns"))
    if rows > 1 or columns > 1:
        found.merged.append((place, (place[0] + rows - 1, place[1] + columns - 1)))
