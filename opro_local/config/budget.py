"""When a search stops."""

from collections.abc import Mapping

from pydantic import Field

from opro_local.config.choices import (
    BudgetName,
)
from opro_local.config.settings import Settings

_ON_TOP = "; checked between steps; the final measurement comes on top."


class BudgetSettings(Settings):
    """When a search stops; None means no limit of that kind."""

    preset: BudgetName | None = Field(
        None, description="Size of the search; light without a GPU, medium with one."
    )
    steps: int | None = Field(None, ge=0, description="Steps of the loop; the preset's if not given.")
    train_rows: int | None = Field(
        None, ge=2, description="Most train rows a candidate is scored on; the preset's if not given."
    )
    max_pairs: int | None = Field(None, ge=1, description=f"Stop after so many scored pairs{_ON_TOP}")
    max_tokens: int | None = Field(
        None, ge=1, description=f"Stop after so many tokens of both roles{_ON_TOP}"
    )
    max_seconds: float | None = Field(None, gt=0, description=f"Stop after so many seconds{_ON_TOP}")
    patience: int | None = Field(None, ge=1, description="Stop after so many steps without progress.")
    target: float | None = Field(None, description="Stop when the best train score reaches this value.")


class Preset(Settings):
    """A named size of search: steps of the loop and the most train rows a candidate is scored on."""

    steps: int
    train_rows: int


BUDGETS: Mapping[BudgetName, Preset] = {
    "light": Preset(steps=10, train_rows=48),
    "medium": Preset(steps=40, train_rows=128),
    "heavy": Preset(steps=200, train_rows=512),  # the scale of the paper
}
