"""SheetCells of an .xlsx file."""

import io
import posixpath
import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from xml.etree.ElementTree import Element, fromstring, iterparse
from zipfile import ZipFile

from opro_local.tasks.sheet_cells import (
    UNSTORED,
    Place,
    SheetCells,
    attribute,
    local,
    place_of,
    shows_error,
    within,
)

PERCENT_FORMATS = {9: "0%", 10: "0.00%"}
ELAPSED_FORMATS = {46: "[h]:mm:ss"}
BUILT_IN: Mapping[int, str] = PERCENT_FORMATS | ELAPSED_FORMATS
"""Format codes that files use by number, as far as they are shown here."""
UNIT = re.compile(r"\[?(h+|m+|s+)\]?(\.0+)?", re.IGNORECASE)
LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
"""Parts of a format that are text, space or a condition."""
SECONDS = {"h": 3600, "m": 60, "s": 1}


def xlsx_cells(content: bytes, sheet: str) -> SheetCells:
    """Raises KeyError, ValueError, ParseError and BadZipFile for a file that is no workbook."""
    with ZipFile(io.BytesIO(content)) as archive:
        book = _targets(archive, "")["officeDocument"]
        root, parts = fromstring(archive.read(book)), _targets(archive, book)
        recalculated = any(
            local(e.tag) == "calcPr" and attribute(e, "fullCalcOnLoad") in ("1", "true") for e in root.iter()
        )
        (rid,) = (
            e.attrib.get(_id_key(e), "")
            for e in root.iter()
            if local(e.tag) == "sheet" and e.get("name") == sheet
        )
        codes = _format_codes(archive, parts.get("styles"))
        with archive.open(parts[rid]) as file:
            return _cells(_placed(iterparse(file)), codes, recalculated=recalculated)


def _id_key(element: Element) -> str:
    """The key of the relation's id, which has a namespace; sheetId has none."""
    return next(key for key in element.attrib if key.endswith("}id"))


def _targets(archive: ZipFile, part: str) -> dict[str, str]:
    """The parts that a part relates to, by their ids and by their kinds."""
    folder, name = posixpath.split(part)
    found = {}
    for relation in fromstring(archive.read(posixpath.join(folder, "_rels", f"{name}.rels"))):
        target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
        found[relation.get("Id", "")] = target
        found[relation.get("Type", "").rpartition("/")[2]] = target
    return found


def _format_codes(archive: ZipFile, part: str | None) -> list[str]:
    """The number format of each cell style."""
    if part is None:
        return []
    root = fromstring(archive.read(part))
    codes = dict(BUILT_IN)
    for element in root.iter():
        if local(element.tag) == "numFmt":
            codes[int(element.get("numFmtId", "-1"))] = element.get("formatCode", "")
    styles = [list(element) for element in root if local(element.tag) == "cellXfs"]
    return [codes.get(int(xf.get("numFmtId", "0")), "") for xfs in styles for xf in xfs]


def _placed(events: Iterator[tuple[str, Element]]) -> Iterator[tuple[Place, Element]]:
    """The cells with their places; rows and cells may say where they are, or else follow the one before."""
    row, column, cells = 0, 0, []
    for _, element in events:
        if local(element.tag) == "c":
            cells.append(element)
        elif local(element.tag) == "row":
            row, column = int(element.get("r", row + 1)), 0
            for cell in cells:
                column = within(place_of(cell.get("r", "")))[1] + 1 if cell.get("r") else column + 1
                yield within((row - 1, column - 1)), cell
            cells = []
            element.clear()


def _cells(cells: Iterator[tuple[Place, Element]], codes: list[str], *, recalculated: bool) -> SheetCells:
    faults, shown = {}, {}
    for place, cell in cells:
        kind, style = cell.get("t", "n"), int(cell.get("s", "0"))
        inner = {local(child.tag): child.text or "" for child in cell}
        value = inner.get("v", "")
        # Libraries that write formulas without computing them leave the value out, or write 0 and ask for
        # a recalculation at the first opening.
        unstored = kind != "str" and (not value or (recalculated and value == "0"))
        if kind == "e":
            faults[place] = shows_error(value)
        elif "f" in inner and unstored:
            faults[place] = UNSTORED
        elif kind == "n" and value and style < len(codes) and (text := shown_number(value, codes[style])):
            shown[place] = text
    return SheetCells(faults=faults, shown=shown)


def shown_number(value: str, code: str) -> str | None:
    """What a cell shows of a percentage, an elapsed time or a number with leading zeros; None of others.

    code is the number format. Literal texts and colours in it are left out.
    """
    plain = re.sub(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', "", code, flags=re.IGNORECASE).partition(
        ";"
    )[0]
    if "%" in plain:
        return f"{_rounded(Decimal(value) * 100, _decimals(plain))}%"
    if re.search(r"\[(h+|m+|s+)\]", plain, re.IGNORECASE):
        return _elapsed(float(value), plain)
    if re.fullmatch("00+", plain) and Decimal(value) >= 0:
        return str(_rounded(Decimal(value), 0)).zfill(len(plain))
    return None


def _decimals(code: str) -> int:
    return sum(sign in "0#?" for sign in code.partition(".")[2])


def _rounded(number: Decimal, decimals: int) -> str:
    return f"{number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP):f}"


def _elapsed(days: float, code: str) -> str:
    """Hours, minutes and seconds as far as the format has them; the bracketed one takes all that is left."""
    rest = Decimal(days * 86_400).quantize(Decimal("0.001"), rounding=ROUND_HALF_UP)
    parts = []
    for letters, fraction in UNIT.findall(code):
        unit = letters[0].lower()
        decimals = max(len(fraction) - 1, 0) if unit == "s" else 0
        count = rest // SECONDS[unit] if unit != "s" else Decimal(_rounded(rest, decimals))
        rest -= count * SECONDS[unit]
        parts.append(f"{count:f}".zfill(len(letters) + (decimals + 1 if decimals else 0)))
    return ":".join(parts)
