"""What one mathematical problem says of itself; problems/mathematical.py makes a Problem of it.

A new one is one file in problems/objectives/ with one class: its fields become the options of its command,
its docstring the help. See problems/objectives/box.py for the shortest.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from opro_local.config import Settings
from opro_local.problem import Rejected
from opro_local.user_code import UserFunction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = tuple[float, ...]
"""A solution: the values of the variables, or the cities of a tour in order (whole numbers)."""

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Objective(Settings, ABC):
    """A function to be minimised, with the words in which an optimizer LLM is told of it.

    defaults are settings of search and budget, "search.shown" for instance, that differ from a task's.
    A solution is shown between opening and closing, after noun; its value stands after measure.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}
    noun: ClassVar[str] = "input"
    measure: ClassVar[str] = "value"
    opening: ClassVar[str] = "["
    closing: ClassVar[str] = "]"

    data_seed: int = Field(1, ge=1, description="Seed of the data and of the starting solutions.")

    @abstractmethod
    def brief(self) -> str:
        """What the optimizer is told before it sees the earlier solutions."""

    @abstractmethod
    def request(self) -> str:
        """What it is asked for after them."""

    @abstractmethod
    def starts(self) -> Sequence[Numbers]:
        """The starting solutions, the same for the same data_seed."""

    @abstractmethod
    def parse(self, text: str) -> Numbers:
        """The solution in a reply, without opening and closing. Raises Rejected."""

    @abstractmethod
    def value(self, solution: Numbers) -> float:
        """The smaller the better; infinite where the function has no value."""

    def with_data(self, seed: int) -> Self:
        """The same objective on other data."""
        return self.model_validate(self.model_dump() | {"data_seed": seed})

    def longest_reply(self) -> int:
        """Characters after which no reply can hold a solution any more."""
        return 200

    def show(self, solution: Numbers) -> str:
        return ", ".join(f"{number:g}" for number in solution)

    def show_value(self, value: float) -> str:
        return f"{value:.4g}"

    def tries(self) -> int:
        """Most times that the optimizer is asked in a step until it has proposed enough."""
        return 1

    def solved_by(self, solution: Numbers) -> bool:
        """Whether nothing better can be found."""
        return False

    def optimum(self) -> float | None:
        """The smallest value there is, if it is known."""
        return None

    def references(self) -> Mapping[str, float]:
        """Values of solutions that well-known methods find, by the method's name."""
        return {}

    def published(self) -> Sequence[str]:
        """What Yang et al. 2023 report for this very setting, a line each."""
        return ()

    def code(self) -> UserFunction | None:
        """The function of the user's that is run, if any."""
        return None

    def draw(self, axes: "Axes", solution: Numbers) -> None:
        """Draw a solution; without a picture of its own, say what it is."""
        axes.text(0.5, 0.5, self.show(solution), ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()


def numbers_in(text: str, count: int) -> Numbers:
    """The count numbers of a reply; names as in "w=3" are skipped. Raises Rejected."""
    found = NUMBER.findall(text.rpartition("[")[2])
    if len(found) != count:
        raise Rejected("wrong number of numbers")
    numbers = tuple(map(float, found))
    if not all(map(math.isfinite, numbers)):  # 1e400
        raise Rejected("outside the limits")
    return numbers
