"""What the runs of a study say together: a table of curves, a table of results, and what was shared."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from opro_local.report.tables import neutralised
from opro_local.studies.plan import Cell

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One step of one run: what its whole candidates scored on train, and the best until then.

    candidates counts the proposals until then, the starts left out.
    """

    cell: str
    repeat: int
    step: int
    candidates: int
    mean: float | None
    deviation: float | None
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run found."""

    cell: str
    repeat: int
    train: float | None
    validation: float | None
    test: float | None
    instruction: str


def points(cell: Cell, document: Document) -> Iterator[Point]:
    better = max if document["direction"] == "maximize" else min
    best: float | None = None
    proposed = 0
    for step in document["steps"]:
        scores = [p["score"]["value"] for p in step["proposals"] if p["score"] and not p["dropped"]]
        values = [value for value in scores if value is not None]
        proposed += len(step["proposals"]) if step["number"] else 0
        if values:
            best = better(values) if best is None else better(best, *values)
        if best is not None:
            yield Point(
                cell=cell.label,
                repeat=cell.repeat,
                step=step["number"],
                candidates=proposed,
                mean=mean(values) if values else None,
                deviation=stdev(values) if len(values) > 1 else None,
                best=best,
            )


def result(cell: Cell, document: Document) -> Result:
    value = {split: document[split] and document[split]["value"] for split in ("train", "validation", "test")}
    best = document["best"]
    return Result(
        cell=cell.label, repeat=cell.repeat, **value, instruction=best["instruction"] if best else ""
    )


def as_csv(rows: Sequence[Point] | Sequence[Result]) -> str:
    """A header line, then a line each; values are unrounded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(type(rows[0]).__slots__)
    writer.writerow(names)
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow([neutralised(value) if isinstance(value, str) else value for value in values])
    return text.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One combination over its repeats; deviations of single runs are not known."""

    cell: str
    runs: int
    train: float | None
    validation: float | None
    test: float | None
    test_deviation: float | None


def summaries(results: Sequence[Result]) -> list[Summary]:
    """In the order of the study."""
    found = []
    for label in dict.fromkeys(result.cell for result in results):
        own = [result for result in results if result.cell == label]
        tests = [result.test for result in own if result.test is not None]
        found.append(
            Summary(
                cell=label,
                runs=len(own),
                train=_mean(result.train for result in own),
                validation=_mean(result.validation for result in own),
                test=_mean(tests),
                test_deviation=stdev(tests) if len(tests) > 1 else None,
            )
        )
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def shared(documents: Sequence[Document]) -> tuple[int, int] | None:
    """Scored pairs that the runs asked for, and those of them that a cache answered.

    None where the model wrote its answers: only what goes through likelihoods is counted.
    """
    asked = sum(document["usage"]["pairs"] for document in documents)
    efforts = [effort for document in documents for effort in document["timing"]["scorer"]]
    computed = sum(effort["requests"] for effort in efforts)
    return (asked, max(0, asked - computed)) if computed else None
