"""The best solutions of runs on a mathematical problem as a picture."""

from collections.abc import Sequence
from pathlib import Path

from opro_local.errors import OproError
from opro_local.problems.objective import Numbers, Objective

INCHES = 4


def draw_solutions(found: Sequence[tuple[Objective, Numbers, str]], path: Path) -> None:
    """Side by side, each with its title; the suffix of path says in which format. Raises OproError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(INCHES * len(found), INCHES), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(1, len(found), squeeze=False)
    for axes, (objective, solution, title) in zip(rows[0], found, strict=True):
        objective.draw(axes, solution)
        axes.set_title(title)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise OproError(f"{path}: the picture cannot be written ({error}).") from None
