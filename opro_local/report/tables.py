"""The candidates of a run as CSV, safe to open in a spreadsheet program."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

COLUMNS = (
    *("step", "origin", "instruction", "shots", "key"),
    *("train", "train_n", "train_low", "train_high", "validation", "test"),
)
FORMULA_STARTS = frozenset("=+-@|%\uff1d\uff0b\uff0d\uff20")  # the last four are the full-width forms
CELL_BREAKS = ("\t", "\r", "\n")


def candidates_csv(document: Document) -> str:
    """One row an accepted proposal of a run_document; a header line with COLUMNS comes first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(document))
    return text.getvalue()


def _rows(document: Document) -> Iterator[list[object]]:
    later = _later_values(document)
    for step in document["steps"]:
        for proposal in step["proposals"]:
            if proposal["solution"] is None:
                continue
            score = proposal["score"] or {}
            low, high = score.get("interval") or (None, None)
            yield [
                *(step["number"], proposal["origin"], *_solution_cells(proposal["solution"])),
                *(neutralised(proposal["key"]), score.get("value"), score.get("n"), low, high),
                *(later.get((split, proposal["key"])) for split in ("validation", "test")),
            ]


def _solution_cells(solution: object) -> tuple[str, str]:
    """Instruction and ids of the shots; a solution that is not a task's stands in the first as JSON."""
    if isinstance(solution, dict) and "instruction" in solution:
        return neutralised(solution["instruction"]), neutralised(" ".join(solution["shots"]))
    return neutralised(json.dumps(solution)), ""


def _later_values(document: Document) -> dict[tuple[str, str], float | None]:
    """What was measured after the search: (split, key) -> value."""
    measured = [*document["baselines"], *document["periodic"], *document["finalists"]]
    values = {(entry["split"], entry["key"]): entry["value"] for entry in measured}
    for split in ("validation", "test"):
        if document[split] is not None:
            values[split, document["best"]["key"]] = document[split]["value"]
    return values


def neutralised(text: str) -> str:
    """The text with an apostrophe ahead of it where a spreadsheet program might take it for a formula.

    Blanks, control and zero-width characters before a formula sign do not hide it; a first tab or line break
    moves the rest to another cell in some programs.
    """
    visible = next((c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf")), "")
    return f"'{text}" if visible in FORMULA_STARTS or text.startswith(CELL_BREAKS) else text
