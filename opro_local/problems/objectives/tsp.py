"""The travelling salesman problem in the plane (Yang et al. 2023, section 3.3)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from opro_local.problem import Rejected
from opro_local.problems.objective import Numbers, Objective
from opro_local.problems.tours import farthest_insertion, nearest_neighbour, shortest_tour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 100
TOLERANCE = 1e-6
PUBLISHED: Mapping[int, str] = {
    10: "gap 0.0 | 0.0 | 0.0 %, steps 40.4±5.6 (5 of 5) | 46.8±9.3 (5) | 9.6±3.0 (5)",
    15: "gap 4.4±1.3 | 1.2±1.1 | 0.2±0.2 %, steps none | 202.0±41.1 (4 of 5) | 58.5±29.0 (4)",
    20: "gap 30.4±10.6 | 4.4±2.5 | 1.4±0.6 %, steps none | 438.0 (1 of 5) | 195.5±127.6 (2)",
    50: "gap 219.8±13.7 | 133.0±6.8 | 11.0±2.6 %, steps none",
}
"""Table 3: optimality gap and steps to the optimum, of text-bison | gpt-3.5-turbo | gpt-4."""


class Tsp(Objective):
    """Find the shortest round trip through points in the plane.

    The points have whole coordinates from -100 to 100. The optimizer sees earlier tours with their lengths; a
    tour visits every point once and begins at point 0.
    """

    defaults: ClassVar = {"budget.steps": 500, "search.proposal_tokens": 1024, "search.shown": 10}
    noun: ClassVar[str] = ""
    measure: ClassVar[str] = "length"
    opening: ClassVar[str] = "<trace>"
    closing: ClassVar[str] = "</trace>"

    nodes: int = Field(10, ge=4, le=100, description="Points to visit.")
    start_tours: int = Field(5, ge=1, description="Random starting tours.")
    asks: int = Field(4, ge=1, description="Most times that a step asks until it has enough valid tours.")

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """(nodes, 2) coordinates; two points may be the same."""
        draw = np.random.default_rng(self.data_seed)
        return draw.integers(-SIDE, SIDE, size=(self.nodes, 2), endpoint=True).astype(float)

    @cached_property
    def _distances(self) -> NDArray[np.float64]:
        """(nodes, nodes)."""
        differences = self.points[:, None] - self.points
        return np.hypot(differences[..., 0], differences[..., 1])

    def longest_reply(self) -> int:
        return 10 * self.nodes

    def tries(self) -> int:
        """As published a step goes on until it has enough valid tours; but not for ever."""
        return self.asks

    def brief(self) -> str:
        points = ", ".join(f"({i}): ({x:.0f}, {y:.0f})" for i, (x, y) in enumerate(self.points))
        return (
            f"Points in the plane, each with its number: {points}\n\n"
            "A round trip visits every point once. These were tried; they are sorted from the longest to the "
            "shortest, and a shorter one is better."
        )

    def request(self) -> str:
        return (
            "Write one new round trip, unlike all of the above and shorter than each of them. It begins with "
            "0 and names every point exactly once, in the form <trace>numbers with commas</trace>."
        )

    def starts(self) -> Sequence[Numbers]:
        draw = np.random.default_rng([self.data_seed, self.nodes])
        tours = [(0, *draw.permutation(np.arange(1, self.nodes)).tolist()) for _ in range(self.start_tours)]
        return list(dict.fromkeys(tours))

    def parse(self, text: str) -> Numbers:
        words = text.replace(",", " ").split()
        if not all(word.isdecimal() for word in words):
            raise Rejected("not a list of points")
        tour = tuple(map(int, words))
        if len(tour) != self.nodes:
            raise Rejected("wrong number of points")
        if set(tour) != set(range(self.nodes)):
            raise Rejected("a point twice or unknown")
        if tour[0] != 0:
            raise Rejected("does not begin with 0")
        return tour

    def value(self, solution: Numbers) -> float:
        cities = np.array(solution, dtype=int)
        return float(self._distances[cities, np.roll(cities, -1)].sum())

    def show(self, solution: Numbers) -> str:
        return ",".join(map(str, solution))

    def show_value(self, value: float) -> str:
        return f"{value:.0f}"

    @cached_property
    def _shortest(self) -> float:
        return self.value(shortest_tour(self._distances))

    def optimum(self) -> float:
        return self._shortest

    def solved_by(self, solution: Numbers) -> bool:
        return self.value(solution) <= self._shortest + TOLERANCE

    def references(self) -> Mapping[str, float]:
        return {
            "nearest neighbour": self.value(nearest_neighbour(self._distances)),
            "farthest insertion": self.value(farthest_insertion(self._distances)),
        }

    def published(self) -> Sequence[str]:
        line = PUBLISHED.get(self.nodes)
        return [f"text-bison | gpt-3.5-turbo | gpt-4: {line}"] if line else ()

    def draw(self, axes: "Axes", solution: Numbers) -> None:
        route = self.points[np.array([*solution, solution[0]], dtype=int)]
        axes.plot(route[:, 0], route[:, 1], "ko-", markersize=4)
        for number, (x, y) in enumerate(self.points):
            axes.annotate(str(number), (x, y), textcoords="offset points", xytext=(4, 4))
        axes.set_aspect("equal")
