"""The best solution of a mathematical problem as a picture for a page that may be light or dark."""

import re

import pytest
from matplotlib.figure import Figure

from opro_local.problems.objectives import objective_class
from opro_local.report.svg import inline_svg


@pytest.mark.parametrize(
    ("name", "solution"), [("linear-regression", (15.0, 17.0)), ("tsp", tuple(map(float, range(10))))]
)
def test_all_of_it_takes_the_colour_of_the_text(name: str, solution: tuple[float, ...]) -> None:
    """A white box behind the legend hid its words in the dark, where they are white too."""
    figure = Figure()
    objective_class(name)().draw(figure.subplots(), solution)
    svg = inline_svg(figure, name="solution", title="t", description="d")
    assert set(re.findall(r'(?:fill|stroke)="(.*?)"', svg)) <= {"none", "currentColor"}
