"""Answers that have parts: how good the winner is at each, beside the best start."""

from collections.abc import Iterator

from opro_local.report.section import Section
from opro_local.report.table import Cell, Table, WithInterval
from opro_local.results.parts import PartBeside, PartResult
from opro_local.results.result import TaskResult
from opro_local.results.steps import best_start
from opro_local.results.words import instruction_text

CAPTION = (
    "test rows, with 95 % interval; an answer that could not be read has no field right; fixed and broken: "
    "rows whose field the winner answers better, or worse, than the best start; gains are not corrected for "
    "the number of fields"
)


def part_section(run: TaskResult) -> Iterator[Section]:
    if run.parts:
        start = best_start(run)
        told = [f"beside {instruction_text(start.instruction)}"] if start else []
        rows = [_row(part, _beside(part, start.instruction if start else None)) for part in run.parts]
        table = Table(
            title="Score by field",
            columns=("field", "winner", "best start", "gain", "fixed", "broken"),
            rows=rows,
            caption=CAPTION,
            brief=True,
        )
        yield Section(title="Score by field", lines=told, tables=[table])


def _beside(part: PartResult, instruction: str | None) -> PartBeside | None:
    return next((each for each in part.baselines if each.instruction == instruction), None)


def _row(part: PartResult, beside: PartBeside | None) -> tuple[Cell, ...]:
    """The winner alone where it is the best start."""
    ours = WithInterval(part.score.value, part.score.interval)
    if beside is None:
        return (part.name, ours, None, None, None, None)
    theirs = WithInterval(beside.score.value, beside.score.interval)
    gain = WithInterval(beside.comparison.difference, beside.comparison.interval, signed=True)
    return (part.name, ours, theirs, gain, beside.fixed, beside.broken)
