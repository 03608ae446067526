"""Workbooks as offices have them, written as the programs write them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZipFile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def save_xlsx(
    path: Path,
    rows: Sequence[Sequence[str]],
    *,
    merged: Sequence[str] = (),
    formats: Sequence[str] = (),
    recalculated: bool = False,
) -> Path:
    """One sheet, Tickets, of rows of <c> elements; formats are the number formats of styles 1, 2, ..."""
    row_parts = [f'<row r="{i}">{"".join(cells)}</row>' for i, cells in enumerate(rows, start=1)]
    areas = "".join(f'<mergeCell ref="{area}"/>' for area in merged)
    codes = "".join(
        f'<numFmt numFmtId="{164 + i}" formatCode={quoteattr(c)}/>' for i, c in enumerate(formats)
    )
    xfs = "".join(f'<xf numFmtId="{164 + i}"/>' for i in range(len(formats)))
    calc = '<calcPr fullCalcOnLoad="1"/>' if recalculated else ""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/></Types>',
        "_rels/.rels": _relations(("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        f'<sheet name="Tickets" sheetId="1" r:id="rId1"/></sheets>{calc}</workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            ("rId1", "worksheet", "worksheets/sheet1.xml"), ("rId2", "styles", "/xl/styles.xml")
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts>'
        '<cellStyleXfs><xf numFmtId="0"/></cellStyleXfs>'
        f'<cellXfs><xf numFmtId="0"/>{xfs}</cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(row_parts)}</sheetData>'
        + (f"<mergeCells>{areas}</mergeCells>" if areas else "")
        + "</worksheet>",
    }
    return _save(path, parts)


def _relations(*relations: tuple[str, str, str]) -> str:
    inner = "".join(
        f'<Relationship Id="{rid}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for rid, kind, target in relations
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{inner}</Relationships>'


def save_ods(path: Path, sheets: Mapping[str, Sequence[str]], *, hidden: Sequence[str] = ()) -> Path:
    """Sheets of <table:table-row> elements, as LibreOffice saves them."""
    names = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
        "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }
    spaces = " ".join(f'xmlns:{short}="{uri}"' for short, uri in names.items())
    tables = "".join(
        f'<table:table table:name="{name}" table:style-name="{"ta2" if name in hidden else "ta1"}">'
        f"{''.join(rows)}</table:table>"
        for name, rows in sheets.items()
    )
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table">'
        f'<style:table-properties table:display="{shown}"/></style:style>'
        for name, shown in (("ta1", "true"), ("ta2", "false"))
    )
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    return _save(path, {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


def ods_row(*cells: str, times: int = 1) -> str:
    """A row of texts, or of whole elements."""
    inner = "".join(cell if cell.startswith("<") else ods_text(cell) for cell in cells)
    return f'<table:table-row table:number-rows-repeated="{times}">{inner}</table:table-row>'


def ods_text(text: str, extra: str = "") -> str:
    inner = f"<text:p>{escape(text)}</text:p>"
    return f'<table:table-cell office:value-type="string" {extra}>{inner}</table:table-cell>'


def _save(path: Path, parts: Mapping[str, str]) -> Path:
    with ZipFile(path, "w") as archive:
        for name, text in parts.items():
            declared = text if name == "mimetype" else f'<?xml version="1.0" encoding="UTF-8"?>{text}'
            archive.writestr(name, declared)
    return path
