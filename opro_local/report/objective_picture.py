"""The best solutions of runs on a mathematical problem as a picture, from their documents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from opro_local.errors import OproError
from opro_local.problems.objectives import objective_class
from opro_local.report.svg import inline_svg

Document = Mapping[str, Any]
INCHES = 4


def draw_solutions(documents: Sequence[Document], path: Path) -> None:
    """Side by side; the suffix of path says in which format. Raises OproError."""
    figure = _figure(documents)
    FigureCanvasAgg(figure)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise OproError(f"{path}: the picture cannot be written ({error}).") from None


def solution_svg(document: Document) -> str:
    """The best solution of one run, for a page."""
    title = f"The best solution: {document['metric']} {document['train']['value']:,.0f}"
    description = ", ".join(f"{number:g}" for number in document["best"]["solution"])
    return inline_svg(_figure([document]), name="solution", title=title, description=description)


def _figure(documents: Sequence[Document]) -> Figure:
    figure = Figure(figsize=(INCHES * len(documents), INCHES), layout="constrained")
    rows = figure.subplots(1, len(documents), squeeze=False)
    for axes, document in zip(rows[0], documents, strict=True):
        objective = objective_class(document["kind"]).model_validate(document["objective"]["settings"])
        objective.draw(axes, tuple(document["best"]["solution"]))
        axes.set_title(f"{document['metric']} {document['train']['value']:,.0f}")
    return figure
