"""The only place with defaults. The CLI reads its own from here; unknown keys are errors everywhere."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opro_local.errors import SettingsError

AnswerType = Literal["label", "number", "text"]
Position = Literal["before_Q", "Q_begin", "Q_end", "A_begin"]
Metric = Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc", "log_loss", "brier"]
ScoringMode = Literal["likelihood", "generation"]
CalibrationMethod = Literal["none", "contextual", "batch"]
Style = Literal["tagged", "bracket", "completion"]
Quantize = Literal["auto", "bf16", "fp32", "nf4", "int8"]
BudgetName = Literal["light", "medium", "heavy"]
BadRows = Literal["error", "skip"]


class Settings(BaseModel):
    """Settings are immutable; a key that nobody knows is a mistake, not an extension."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSettings(Settings):
    """Shares of the labelled rows and the most rows that each part may hold."""

    train: float = Field(0.4, gt=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.4, gt=0, lt=1)
    max_train: int = Field(512, ge=1)
    max_validation: int = Field(256, ge=1)
    max_test: int = Field(1000, ge=1)


class TaskSettings(Settings):
    """What task.toml says: where the rows are, what an answer is, and how a prompt is put together."""

    data: str | None = None
    text: tuple[str, ...] = ()
    label: str | None = None
    id: str | None = None
    encoding: str = "utf-8"
    sheet: str | None = None
    bad_rows: BadRows = "error"
    answer: AnswerType = "label"
    labels: tuple[str, ...] = ()
    description: str = ""
    position: Position = "Q_begin"
    qa: bool | None = None
    """Wrap questions in Q:/A:; None means: for pre-trained scorers only."""
    metric: Metric = "accuracy"
    split: SplitSettings = SplitSettings()


class BudgetSettings(Settings):
    """When a search stops; None means no limit of that kind."""

    preset: BudgetName | None = None
    steps: int | None = Field(None, ge=0)
    train_rows: int | None = Field(None, ge=2)
    max_pairs: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    max_seconds: float | None = Field(None, gt=0)
    patience: int | None = Field(None, ge=1)
    target: float | None = None


class Preset(Settings):
    """A named size of search: steps of the loop and the most train rows a candidate is scored on."""

    steps: int
    train_rows: int


BUDGETS: Mapping[BudgetName, Preset] = {
    "light": Preset(steps=10, train_rows=48),
    "medium": Preset(steps=40, train_rows=128),
    "heavy": Preset(steps=200, train_rows=512),  # the scale of the paper
}


class SearchSettings(Settings):
    """How OPRO searches. Defaults are the paper's (Yang et al. 2023, section 5.1 and appendix)."""

    seed: int = Field(0, ge=0)
    proposals_per_step: int = Field(8, ge=1)
    shown: int = Field(20, ge=1)
    exemplars: int = Field(3, ge=0)
    temperature: float = Field(1.0, ge=0)
    proposal_tokens: int = Field(512, ge=1)
    max_characters: int = Field(500, ge=1)
    style: Style | None = None
    """None means: tagged for chat optimizers, completion for pre-trained ones."""
    starts: tuple[str, ...] | None = None
    """None means: the empty instruction and one direct instruction made from the label set."""
    shots: int = Field(0, ge=0)
    block: int = Field(16, ge=1)
    finalists: int = Field(5, ge=1)


class ScoringSettings(Settings):
    """How a candidate's answers are obtained."""

    mode: ScoringMode | None = None
    """None means: likelihood for label sets, generation for numbers and text."""
    calibration: CalibrationMethod = "batch"
    answer_tokens: int = Field(256, ge=1)


class ModelSettings(Settings):
    """Which models play the two roles, and how they are loaded."""

    scorer: str
    optimizer: str | None = None
    quantize: Quantize = "auto"
    device: str = "auto"

    @property
    def optimizer_name(self) -> str:
        return self.optimizer or self.scorer


class RunSettings(Settings):
    """Everything that decides what a run does; stored with the run, so that resuming needs no flag."""

    models: ModelSettings
    search: SearchSettings = SearchSettings()
    scoring: ScoringSettings = ScoringSettings()
    budget: BudgetSettings = BudgetSettings()


M = TypeVar("M", bound=Settings)


def parse_settings(model: type[M], values: Mapping[str, Any], *, source: str) -> M:
    """Check values against model. Raises SettingsError naming source and the first wrong key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(model.model_fields))
            raise SettingsError(f"{source}: unknown key {key!r}. Known keys: {known}.") from None
        raise SettingsError(f"{source}: {key}: {first['msg']}.") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingsError when it is missing or malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}.") from None
