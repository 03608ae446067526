"""The best solutions of runs on a mathematical problem side by side, as a file."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from opro_local.errors import OproError
from opro_local.report.solution import SQUARE, solution_chart
from opro_local.results.result import ObjectiveResult


def draw_solutions(runs: Sequence[ObjectiveResult], path: Path) -> None:
    """The suffix of path says in which format. Raises OproError."""
    figure = _figure(runs)
    FigureCanvasAgg(figure)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise OproError(f"{path}: the picture cannot be written ({error}).") from None


def _figure(runs: Sequence[ObjectiveResult]) -> Figure:
    width, height = SQUARE
    figure = Figure(figsize=(width * len(runs), height), layout="constrained")
    rows = figure.subplots(1, len(runs), squeeze=False)
    for axes, run in zip(rows[0], runs, strict=True):
        solution_chart(run).draw(axes)
        axes.set_title(f"{run.measure} {run.train.value or 0:,.0f}" if run.train else run.measure)
    return figure
