"""What a sheet's cells say besides their values: faults, and how some values are shown.

The reader of workbooks gives no cell formats, and nothing at all for errors and for formulas whose value no
program has stored; so the XML is read once more for these. Sources: ECMA-376 part 1, 18.3 and 18.8;
OpenDocument 1.3 part 3, 9 and 19.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

Place = tuple[int, int]
"""Row and column, from 0."""

ROWS, COLUMNS = 1_048_576, 16_384
"""The most that a sheet has."""
ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)|Err:5\d\d")
"""What cells with an error show, and what CSV saved from them holds."""
UNSTORED = "a formula whose value was never stored. Save the file in a spreadsheet program"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCells:
    """faults by place; shown: the text of cells whose value alone says less; merged: first and last cells."""

    faults: Mapping[Place, str] = field(default_factory=dict)
    shown: Mapping[Place, str] = field(default_factory=dict)
    merged: tuple[tuple[Place, Place], ...] = ()


def shows_error(what: str) -> str:
    """The fault of a cell with an error value."""
    return f"the error {what or '#N/A'}. Correct its formula"


def within(place: Place) -> Place:
    """The place itself. Raises ValueError for one that no sheet has."""
    if not (0 <= place[0] < ROWS and 0 <= place[1] < COLUMNS):
        raise ValueError("a cell outside of any sheet")
    return place


def local(tag: str) -> str:
    """The name without its namespace: strict and transitional files differ in nothing else here."""
    return tag.rpartition("}")[2]


def attribute(element: Element, name: str) -> str:
    """The attribute of this name in whatever namespace; "" where there is none."""
    return next((value for key, value in element.attrib.items() if local(key) == name), "")


def column_letters(column: int) -> str:
    """A, B, ... Z, AA, of a column counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def place_of(reference: str) -> Place:
    """Row and column of a name like B7. Raises ValueError."""
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter.upper()) - ord("A") + 1
    return int(reference[len(letters) :]) - 1, column - 1
