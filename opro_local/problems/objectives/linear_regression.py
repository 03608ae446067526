"""Linear regression in one dimension (Yang et al. 2023, section 3.2)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from opro_local.problems.objective import Numbers, Objective, numbers_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USUAL = (50, 1, 5, 10, 20)
"""The published set-up."""
PUBLISHED: Mapping[tuple[float, float], str] = {
    (15, 14): "5.8±2.6 40.0±12.4 | 7.6±4.5 36.0±15.2 | 4.0±1.5 17.2±5.1",
    (17, 17): "4.0±1.8 33.4±11.7 | 12.6±6.0 53.8±16.9 | 6.0±3.7 26.0±10.6",
    (16, 10): "3.8±2.2 30.2±13.4 | 10.4±5.4 42.8±16.3 | 6.2±3.1 24.2±8.2",
    (3, 5): "9.8±2.8 55.8±16.1 | 10.8±2.7 39.6±10.1 | 12.2±2.0 33.0±4.0",
    (25, 23): "19.6±11.4 104.0±52.3 | 26.4±18.3 78.6±26.2 | 12.2±3.7 44.2±8.3",
    (2, 30): "31.4±6.3 126.4±17.7 | 42.8±9.7 125.6±21.7 | 38.0±15.9 99.0±24.6",
    (36, -1): "35.8±6.4 174.0±28.2 | 45.4±16.9 142.2±31.2 | 50.4±18.8 116.4±32.7",
}
"""Table 2: steps and unique pairs, of text-bison | gpt-3.5-turbo | gpt-4."""


class LinearRegression(Objective):
    """Find the slope w and the intercept b of a line through noisy points.

    The optimizer sees pairs (w, b) with the sum of squared errors and never the formula; it has solved the
    problem when it proposes the true pair exactly.
    """

    defaults: ClassVar = {"budget.steps": 500, "search.proposal_tokens": 1024}

    w: float = Field(15, description="True slope.")
    b: float = Field(14, description="True intercept.")
    points: int = Field(50, ge=2, description="Points of the line, at x = 1, 2, ...")
    noise: float = Field(1.0, ge=0, description="Standard deviation of the noise on y.")
    start_pairs: int = Field(5, ge=1, description="Starting pairs.")
    start_low: float = Field(10, description="Least value of a starting w or b.")
    start_high: float = Field(20, description="Greatest value of a starting w or b.")

    @cached_property
    def _x(self) -> NDArray[np.float64]:
        return np.arange(1, self.points + 1, dtype=float)

    @cached_property
    def _y(self) -> NDArray[np.float64]:
        noise = np.random.RandomState(self.data_seed).randn(self.points)
        return self.w * self._x + self.b + self.noise * noise

    def brief(self) -> str:
        return (
            "A function of two numbers, w and b, is to be made as small as possible. Its formula is not "
            "known. These pairs were tried; they are sorted from the largest value to the smallest, and a "
            "smaller value is better."
        )

    def request(self) -> str:
        return (
            "Write one new pair, unlike all of the above, whose value is smaller than every value above. "
            "Write no program. End with the pair in the form [w, b], both as numbers."
        )

    def starts(self) -> Sequence[Numbers]:
        """Drawn as in the published set-up: w from seed 10 data_seed, b from seed 100 data_seed."""
        w, b = (
            np.random.RandomState(scale * self.data_seed)
            .uniform(self.start_low, self.start_high, size=self.start_pairs)
            .round()
            for scale in (10, 100)
        )
        return list(dict.fromkeys(zip(w.tolist(), b.tolist(), strict=True)))

    def parse(self, text: str) -> Numbers:
        """Rounded to whole numbers."""
        return tuple(float(round(number)) for number in numbers_in(text, 2))

    def value(self, solution: Numbers) -> float:
        w, b = solution
        with np.errstate(over="ignore"):  # the sum of numbers as large is infinite
            return float(np.sum((self._y - (w * self._x + b)) ** 2))

    def show(self, solution: Numbers) -> str:
        w, b = solution
        return f"w={w:.0f}, b={b:.0f}"

    def show_value(self, value: float) -> str:
        return f"{value:.0f}"

    def solved_by(self, solution: Numbers) -> bool:
        return solution == (self.w, self.b)

    def references(self) -> Mapping[str, float]:
        slope, intercept = np.polyfit(self._x, self._y, 1)
        return {
            "least squares": self.value((float(slope), float(intercept))),
            "the true pair": self.value((self.w, self.b)),
        }

    def published(self) -> Sequence[str]:
        usual = (self.points, self.noise, self.start_pairs, self.start_low, self.start_high) == USUAL
        line = PUBLISHED.get((self.w, self.b)) if usual else None
        return [f"steps and unique pairs of text-bison | gpt-3.5-turbo | gpt-4: {line}"] if line else ()

    def draw(self, axes: "Axes", solution: Numbers) -> None:
        w, b = solution
        axes.plot(self._x, self._y, "k.", label="data")
        axes.plot(self._x, w * self._x + b, "k-", label=self.show(solution))
        axes.set_xlabel("x")
        axes.set_ylabel("y")
        axes.legend(frameon=False)
