"""The content of a report in the form that is asked for."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from opro_local.report.content import candidate_rows, solution_text, start_of, verdict_words, visible
from opro_local.report.page import report_html
from opro_local.report.tables import candidates_csv, neutralised

Document = Mapping[str, Any]
SCHEMA_VERSION = 1
MARKDOWN = re.compile(r"[\\`*_{}\[\]|#]")
Table = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""A title, columns and rows."""


def in_form(document: Document, form: str) -> bytes:
    """form is html, md, json, csv or xlsx."""
    return FORMS[form](document)


def _html(document: Document) -> bytes:
    return report_html(document).encode()


def _json(document: Document) -> bytes:
    whole = {"schema_version": SCHEMA_VERSION, **document}
    return (json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode()


def _csv(document: Document) -> bytes:
    return candidates_csv(document).encode()


def _markdown(document: Document) -> bytes:
    """Texts of people and models stand in tables and code, where they are not read as Markdown."""
    lines = [f"# {_cell(document['task'].get('name', document['kind']))}", "", f"Run {document['run']}", ""]
    for title, columns, rows in tables(document):
        lines += [f"## {title}", "", _line(columns), _line(["---"] * len(columns))]
        lines += [*map(_line, rows), ""]
    return "\n".join(lines).encode()


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(value: object) -> str:
    """As text of one line that ends no cell and opens no tag or link."""
    text = " ".join(visible(str("" if value is None else value)).split())
    return escape(MARKDOWN.sub(r"\\\g<0>", text), quote=False)


def _xlsx(document: Document) -> bytes:
    import xlsxwriter

    file = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "in_memory": True,
    }
    with xlsxwriter.Workbook(file, options) as book:
        for title, columns, rows in tables(document):
            sheet = book.add_worksheet(title[:31])
            for number, row in enumerate([columns, *rows]):
                for column, value in enumerate(row):
                    sheet.write(number, column, neutralised(value) if isinstance(value, str) else value)
    return file.getvalue()


FORMS: Mapping[str, Callable[[Document], bytes]] = {
    "html": _html,
    "md": _markdown,
    "json": _json,
    "csv": _csv,
    "xlsx": _xlsx,
}


def tables(document: Document) -> Iterator[Table]:
    """The report's content as tables, in its order."""
    yield "The answer", ("", ""), list(_answer(document))
    yield "Scores", ("prompt", "rows", "score", "low", "high", "n"), list(_scores(document))
    columns = ("step", "from", "proposal", "exemplars", "train", "train rows", "validation", "test", "fate")
    yield (
        "Candidates",
        columns,
        [
            (r.step, r.origin, r.text, r.exemplars, r.train, r.rows, r.validation, r.test, r.fate)
            for r in candidate_rows(document)
        ],
    )
    start = start_of(document) if document["kind"] == "task" else None
    for flipped in document.get("flips", []):
        if start and flipped["instruction"] == start["instruction"]:
            for what in ("fixed", "broken"):
                answers = [(f["id"], f["target"], f["winner"], f["baseline"]) for f in flipped[what]]
                heads = ("row", "right answer", "winner said", "baseline said")
                yield f"Rows that it has {what}", heads, answers
    yield "Rejected", ("reason", "proposals"), list(document["rejected"].items())
    yield "Cost", ("", ""), [*document["usage"].items(), ("seconds", round(document["timing"]["seconds"]))]


def _answer(document: Document) -> Iterator[tuple[str, object]]:
    best = document["best"]
    if best is None:
        yield "state", "nothing scored yet"
        return
    if document["kind"] != "task":
        yield "best solution", solution_text(best["solution"])
        yield from document["objective"]["references"].items()
        yield "optimum", document["objective"]["optimum"]
        yield "solved in step", document["objective"]["solved_at"]
        return
    yield "best instruction", best["instruction"] or "(empty)"
    for shot in best["shots"]:
        yield "exemplar", f"{shot['text']} -> {shot['target']}"
    yield "verdict", verdict_words(document)


def _scores(document: Document) -> Iterator[Sequence[object]]:
    for split in ("train", "validation", "test"):
        if document[split]:
            yield ("winner", split, *_figures(document[split]))
    for baseline in document["baselines"]:
        yield (baseline["instruction"] or "(empty)", "test", *_figures(baseline))


def _figures(score: Document) -> Sequence[object]:
    return (score["value"], *(score["interval"] or (None, None)), score["n"])
