"""What the runs of a study say together: a table of curves, a table of results, and what was shared."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from opro_local.report.spreadsheet import neutralised
from opro_local.report.table import Table
from opro_local.results.overview import Figures, Overview
from opro_local.results.result import TaskResult
from opro_local.results.steps import whole_scores
from opro_local.results.trajectory import best_so_far
from opro_local.studies.plan import Cell


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


def points(cell: Cell, run: Overview) -> Iterator[Point]:
    """From the first step that has a score."""
    scores = whole_scores(run)
    best = best_so_far(scores, run.direction)
    proposed = 0
    for step, (number, values) in zip(run.steps, scores, strict=True):
        proposed += len(step.proposals) if number else 0
        if number in best:
            yield Point(
                cell=cell.label,
                repeat=cell.repeat,
                step=number,
                candidates=proposed,
                mean=mean(values) if values else None,
                deviation=stdev(values) if len(values) > 1 else None,
                best=best[number],
            )


def result(cell: Cell, run: TaskResult) -> Result:
    return Result(
        cell=cell.label,
        repeat=cell.repeat,
        train=_value(run.train),
        validation=_value(run.validation),
        test=_value(run.test),
        instruction=run.best.instruction if run.best else "",
    )


def _value(score: Figures | None) -> float | None:
    return None if score is None else score.value


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPairs:
    """Scored pairs that all runs asked for, and those that a cache answered; None where nothing is known."""

    asked: int | None
    from_cache: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """What a study prints: where its files are, its runs, and a summary of each combination."""

    folder: str
    runs: Sequence[str]
    results: Sequence[Summary]
    pairs: AskedPairs


def study_result(
    folder: str, runs: Sequence[str], results: Sequence[Result], pairs: tuple[int, int] | None
) -> StudyResult:
    asked, from_cache = pairs or (None, None)
    return StudyResult(
        folder=folder,
        runs=runs,
        results=summaries(results),
        pairs=AskedPairs(asked=asked, from_cache=from_cache),
    )


def summary_table(found: Sequence[Summary]) -> Table:
    return Table(
        title="Combinations",
        columns=("combination", "runs", "train", "validation", "test", "deviation of test"),
        rows=[(row.cell, row.runs, row.train, row.validation, row.test, row.test_deviation) for row in found],
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def shared(runs: Sequence[Overview]) -> tuple[int, int] | None:
    """Scored pairs that the runs asked for, and those of them that a cache answered.

    None where the model wrote its answers: only what goes through likelihoods is counted.
    """
    asked = sum(run.usage.pairs for run in runs)
    computed = sum(effort.requests for run in runs for effort in run.timing.scorer)
    return (asked, max(0, asked - computed)) if computed else None
