"""What all settings have in common."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings are immutable; a key that nobody knows is a mistake, not an extension.

    Numbers are finite: a run stores its settings as JSON, which has no infinity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
