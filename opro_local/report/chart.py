"""A picture with its title, a description and the figures that it shows; it is drawn when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from opro_local.report.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 5.0, 3.0
"""Inches; the page scales them, down to a phone's width."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """table holds the figures that are drawn; name is unlike that of other charts."""

    name: str
    title: str
    description: str
    draw: "Callable[[Axes], None]"
    table: Table | None = None
    size: tuple[float, float] = (WIDTH, HEIGHT)

    @cached_property
    def svg(self) -> str:
        """Markup."""
        from matplotlib.figure import Figure  # a terminal needs no pictures

        from opro_local.report.svg import inline_svg

        figure = Figure(figsize=self.size, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        self.draw(axes)
        return inline_svg(figure, name=self.name, title=self.title, description=self.description)
