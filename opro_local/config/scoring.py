"""How answers are obtained."""

from pydantic import Field

from opro_local.config.choices import CalibrationMethod, Grading, ScoringMode, Switch
from opro_local.config.settings import Settings


class ScoringSettings(Settings):
    """How a candidate's answers are obtained."""

    mode: ScoringMode | None = Field(
        None, description="likelihood for labels and booleans, generation for the rest, if not given."
    )
    calibration: CalibrationMethod | None = Field(
        None,
        description="How label biases are fitted (likelihood mode). auto, the default, is batch that "
        "looks at the right labels; none is the default of a published method.",
    )
    answer_tokens: int = Field(256, ge=1, description="Most tokens of a generated answer.")
    grammar: Switch = Field(
        "on",
        description="Hold a reply to the form of its answer while it is written, where the answer has one "
        "(fields) and no thought goes ahead.",
    )
    thinking_tokens: int = Field(2048, ge=0, description="Most tokens more for a thought ahead of it.")
    grading: Grading = Field(
        "strict",
        description="How replies are read; official is the lenient way of the published implementation, for "
        "comparison only.",
    )
    judge_kappa: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Least agreement of the judge with a person (quadratic weighted kappa), beyond chance "
        "too; 0 takes a judge that agrees less, or was never measured.",
    )
    second_round: bool = Field(
        False, description="Ask once more, for the final answer alone, where a reply has none."
    )
