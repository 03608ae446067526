"""Any function of a few numbers within limits: the shortest objective, and the one to copy."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field

from opro_local.problem import Rejected
from opro_local.problems.objective import Numbers, Objective, numbers_in
from opro_local.user_code import UserFunction, failure_of, find_function, load_function

STARTS = 5


def _found(reference: Any) -> Any:
    return find_function(reference, folder=Path()) if isinstance(reference, str) else reference


class Box(Objective):
    """Find the numbers for which a Python function of yours is smallest.

    The function gets that many floats and returns one. It runs in this process with your rights.
    """

    defaults: ClassVar = {"budget.steps": 100}

    function: Annotated[UserFunction, BeforeValidator(_found)] = Field(
        description="FILE.py:FUNCTION to be minimised."
    )
    dimensions: int = Field(2, ge=1, le=20, description="How many numbers it takes.")
    low: float = Field(-10, description="Least value of each.")
    high: float = Field(10, description="Greatest value of each.")

    def brief(self) -> str:
        return (
            f"A function of {self.dimensions} numbers is to be made as small as possible, each of them from "
            f"{self.low:g} to {self.high:g}. Its formula is not known. These inputs were tried; they are "
            "sorted from the largest value to the smallest, and a smaller value is better."
        )

    def request(self) -> str:
        names = ", ".join(f"x{i + 1}" for i in range(self.dimensions))
        return (
            "Write one new input, unlike all of the above, whose value is smaller than every value above, "
            f"in the form [{names}]."
        )

    def starts(self) -> Sequence[Numbers]:
        draw = np.random.default_rng(self.data_seed)
        drawn = (
            draw.uniform(self.low, self.high, size=(STARTS, self.dimensions))
            .round(2)
            .clip(self.low, self.high)
        )
        return list(dict.fromkeys(map(tuple, drawn.tolist())))

    def parse(self, text: str) -> Numbers:
        found = numbers_in(text, self.dimensions)
        if not all(self.low <= number <= self.high for number in found):
            raise Rejected("outside the limits")
        return found

    def value(self, solution: Numbers) -> float:
        """Infinite where the function has no value; SettingsError where it fails otherwise."""
        function = self._function
        try:
            value = float(function(*solution))
        except (ArithmeticError, ValueError):
            return math.inf
        except (Exception, SystemExit) as error:  # the user's code may raise anything
            raise failure_of(self.function, error) from error
        return math.inf if math.isnan(value) else value

    @cached_property
    def _function(self) -> Callable[..., Any]:
        return load_function(self.function)

    def code(self) -> UserFunction:
        return self.function
