"""The best solution of a mathematical problem: as a section of its report, and as a picture."""

from opro_local.problems.objectives import objective_class
from opro_local.report.chart import Chart
from opro_local.report.section import Block, Section
from opro_local.report.table import Table
from opro_local.results.result import ObjectiveResult
from opro_local.results.steps import proposals_of
from opro_local.results.verdicts import state_line
from opro_local.results.words import numbers_text

SQUARE = (4.0, 4.0)
"""Inches."""


def solution_section(run: ObjectiveResult) -> Section:
    best, found = run.best, run.objective
    if best is None or run.train is None:
        return Section(title="Result", lines=[state_line(run), "nothing scored yet"])
    others = [*found.references.items(), *([("optimum", found.optimum)] if found.optimum is not None else [])]
    gap = [f"gap to the optimum: {found.gap:.1%}"] if found.gap is not None else []
    solved = "not solved" if found.solved_at is None else f"solved in step {found.solved_at}"
    count = sum(1 for _ in proposals_of(run))
    return Section(
        title="Result",
        lines=[
            state_line(run),
            f"best solution: {numbers_text(best.solution)}, found in step {best.step}",
            solved,
            *gap,
            f"{run.usage.steps} steps, {count} proposals, {found.explored} different solutions (the starting "
            "ones included)",
            *(f"published: {line}" for line in found.published),
        ],
        blocks=[Block(title="best solution", text=numbers_text(best.solution), copied=True)],
        tables=[
            Table(
                title="Values",
                columns=("found by", run.measure),
                rows=[("this run", run.train.value), *others],
                brief=True,
            )
        ],
        charts=[solution_chart(run)],
    )


def solution_chart(run: ObjectiveResult) -> Chart:
    """The best solution as a picture."""
    assert run.best is not None and run.train is not None
    objective = objective_class(run.kind).model_validate(run.objective.settings)
    numbers = run.best.solution
    return Chart(
        name="solution",
        title=f"The best solution: {run.measure} {run.train.value or 0:,.0f}",
        description=numbers_text(numbers),
        draw=lambda axes: objective.draw(axes, numbers),
        size=SQUARE,
    )
