"""The only place with defaults. The CLI reads its own from here; checking.py refuses what is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

AnswerType = Literal["label", "boolean", "choice", "number", "text", "regex", "python"]
Position = Literal["before_Q", "Q_begin", "Q_end", "A_begin"]
Metric = Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc", "log_loss", "brier"]
ScoringMode = Literal["likelihood", "generation"]
Grading = Literal["strict", "official"]
CalibrationMethod = Literal["none", "contextual", "batch", "auto"]
Method = Literal["portfolio", "opro", "evoprompt-ga", "evoprompt-de", "one-step", "random"]
Style = Literal["tagged", "bracket", "completion"]
ExemplarChoice = Literal["random", "constant", "accumulative-wrong", "current-wrong"]
BlockOrder = Literal["trajectory-first", "exemplars-first"]
TrajectoryOrder = Literal["ascending", "descending", "random"]
ScoreDisplay = Literal["100-buckets", "20-buckets", "raw", "hidden"]
Quantize = Literal["auto", "bf16", "fp32", "nf4", "int8"]
BudgetName = Literal["light", "medium", "heavy"]
BadRows = Literal["error", "skip"]
Switch = Literal["on", "off"]
Baselines = Literal["standard", "full"]


class Settings(BaseModel):
    """Settings are immutable; a key that nobody knows is a mistake, not an extension.

    Numbers are finite: a run stores its settings as JSON, which has no infinity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitSettings(Settings):
    """Shares of the labelled rows and the most rows that each part may hold."""

    train: float = Field(0.4, gt=0, lt=1, description="Share of the texts that candidates are scored on.")
    validation: float = Field(0.2, gt=0, lt=1, description="Share that picks the winner.")
    test: float = Field(0.4, gt=0, lt=1, description="Share that measures the winner, once.")
    max_train: int = Field(512, ge=1, description="Most rows of train.")
    max_validation: int = Field(256, ge=1, description="Most rows of validation.")
    max_test: int = Field(1000, ge=1, description="Most rows of test.")
    folds: int = Field(1, ge=1, description="With several, test is one of so many; the rest is as above.")
    fold: int | None = Field(
        None, ge=0, description="Which part is test, from 0; all in turn, a whole search each, if not given."
    )
    seed: int | None = Field(None, ge=0, description="Seed of the split; the search's if not given.")

    @model_validator(mode="after")
    def _has_that_fold(self) -> "SplitSettings":
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} is none of {self.folds}: they count from 0")
        return self


class TaskSettings(Settings):
    """What task.toml says: where the rows are, what an answer is, and how a prompt is put together."""

    data: str | None = Field(
        None, description="Table of labelled rows (.csv .tsv .xlsx .jsonl, - for stdin), or a folder."
    )
    benchmark: str | None = Field(
        None, description="Benchmark in its original files: bbh:TASK, gsm8k, mmlu:SUBJECT, aqua, multiarith."
    )
    text: tuple[str, ...] = Field((), description="Column of the text; several are joined line by line.")
    label: str | None = Field(None, description="Column of the right answer.")
    id: str | None = Field(None, description="Column of a unique id; made from the text if not given.")
    encoding: str = Field("utf-8", description="Encoding of a text file.")
    sheet: str | None = Field(None, description="Sheet of an .xlsx file that has several.")
    bad_rows: BadRows = Field("error", description="Stop at a faulty row, or skip it into a rejects file.")
    max_field: int = Field(
        131_072, ge=1, description="Most characters of one field; a longer one is often an open quote."
    )
    answer: AnswerType = Field("label", description="What an answer is.")
    labels: tuple[str, ...] = Field((), description="Labels in the order to show; found and sorted if none.")
    pattern: str | None = Field(
        None, description="Regular expression of a regex answer: its group 1, else the whole match."
    )
    grader: str | None = Field(
        None,
        description="FILE.py:FUNCTION of a python answer: gets reply and target, says whether it is right.",
    )
    description: str = Field("", description="One sentence on the task, for the optimizer.")
    position: Position = Field("Q_begin", description="Where the instruction stands in a prompt.")
    qa: bool | None = Field(
        None, description="Wrap questions in Q: and A:; only for pre-trained scorers if not given."
    )
    metric: Metric = Field("accuracy", description="What is optimised.")
    split: SplitSettings = Field(SplitSettings(), description="How the rows are divided.")

    @field_validator("text", mode="before")
    @classmethod
    def _one_column(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


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

HEADROOM_CANDIDATES = 16
"""Very different prompts that are compared before a search; at least two of them are random words."""

SHORTER_FINALISTS = 3
"""At most so many shorter prompts go to validation beside the best."""


class SearchSettings(Settings):
    """How is searched; the defaults are the paper's (Yang et al. 2023, section 5.1) where it has any."""

    method: Method = Field(
        "portfolio",
        description="portfolio: instructions, exemplars and calibration, whatever pays; opro and "
        "evoprompt: as published; one-step and random propose without a look at scores.",
    )
    seed: int = Field(0, ge=0, description="Seed of everything that is drawn.")
    proposals_per_step: int = Field(8, ge=1, description="Replies sampled from the optimizer a step.")
    shown: int = Field(20, ge=1, description="Best solutions shown in the meta-prompt.")
    trajectory_order: TrajectoryOrder = Field("ascending", description="Order of the solutions shown.")
    score_display: ScoreDisplay = Field(
        "100-buckets", description="Scores shown: whole numbers up to 100 or 20, from 0 to 1, or none."
    )
    score_threshold: float = Field(
        0.0, ge=0, le=1, description="Solutions below this score (0 to 1) are not shown, but for the best."
    )
    exemplars: int = Field(3, ge=0, description="Train rows shown in the meta-prompt.")
    exemplar_choice: ExemplarChoice = Field(
        "random",
        description="Train rows to show: drawn anew each step, the same in all, of those that any solution "
        "missed, or of those that the solutions shown miss most often.",
    )
    block_order: BlockOrder = Field(
        "trajectory-first", description="What comes first in the meta-prompt; completion has no exemplars."
    )
    instructions_only: bool = Field(
        False, description="Show neither exemplars nor the task's description in the meta-prompt."
    )
    meta_prompt_tokens: int | None = Field(
        None,
        ge=1,
        description="Most tokens of a meta-prompt; the context's if not given, 1024 for the portfolio.",
    )
    temperature: float = Field(
        1.0, ge=0, description="Sampling temperature of the optimizer; at 0 all replies of a step are equal."
    )
    temperature_end: float | None = Field(
        None, ge=0, description="The temperature moves towards this one, step by step, if it is given."
    )
    proposal_tokens: int = Field(512, ge=1, description="Most tokens of a reply of the optimizer.")
    max_characters: int = Field(500, ge=1, description="Longest instruction that is accepted.")
    style: Style | None = Field(
        None, description="Meta-prompt style; tagged for chat optimizers, completion for pre-trained ones."
    )
    starts: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Starting instruction, may be empty. "
        "If not given: the empty one and one made from the labels.",
    )
    shots: int = Field(0, ge=0, description="Exemplars from train in the prompts of all instructions.")
    max_shots: int = Field(16, ge=0, description="Most exemplars that the portfolio may choose for a prompt.")
    max_prompt_tokens: int | None = Field(
        None, ge=1, description="Most tokens that a prompt may have beside the text of the row."
    )
    block: int = Field(8, ge=1, description="Rows scored and saved at a time.")
    racing: Switch | None = Field(
        None,
        description="Candidates leave that will not reach the best; on, but with a published method.",
    )
    racing_error: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="Most often that a race drops a candidate that all rows would put level with the best.",
    )
    headroom: int = Field(
        32,
        ge=0,
        description="Train rows on which very different prompts are compared first, to see whether any "
        "makes a difference; 0 for none.",
    )
    stop_without_headroom: bool = Field(False, description="End the run if none makes a difference.")
    sensitivity: int = Field(
        4, ge=0, description="Near-paraphrases of the winner that are measured on validation."
    )
    baselines: Baselines = Field(
        "standard",
        description="standard: the starts and step by step; full: also the best of as many proposals made "
        "without a trajectory, and of as many random ones.",
    )
    compare_with: tuple[str, ...] = Field(
        (), description="Instruction of your own, measured on test beside the winner."
    )
    finalists: int = Field(5, ge=1, description="Best candidates on train that are measured on validation.")
    validate_every: int = Field(
        0,
        ge=0,
        description="Measure every so many steps' candidates on validation too, to see overfitting; it "
        "chooses nothing. 0 for never.",
    )


class ScoringSettings(Settings):
    """How a candidate's answers are obtained."""

    mode: ScoringMode | None = Field(
        None, description="likelihood for labels and booleans, generation for the rest, if not given."
    )
    calibration: CalibrationMethod | None = Field(
        None,
        description="How label biases are fitted on train (likelihood mode). auto, the default, takes batch "
        "where it makes right answers more likely; none is the default of a published method.",
    )
    answer_tokens: int = Field(256, ge=1, description="Most tokens of a generated answer.")
    thinking_tokens: int = Field(2048, ge=0, description="Most tokens more for a thought ahead of it.")
    grading: Grading = Field(
        "strict",
        description="How replies are read; official is the lenient way of the published implementation, for "
        "comparison only.",
    )
    second_round: bool = Field(
        False, description="Ask once more, for the final answer alone, where a reply has none."
    )


class ModelSettings(Settings):
    """Which models play the two roles, and how they are loaded."""

    scorer: str = Field(description="Model that answers: an alias, a folder or a GGUF file.")
    optimizer: str | None = Field(None, description="Model that writes instructions; the same if not given.")
    quantize: Quantize = Field("auto", description="Weights in memory; auto follows model and device.")
    device: str = Field("auto", description="cpu, cuda, cuda:1, ...; auto takes a GPU when there is one.")
    compiled: bool = Field(
        False,
        description="Compile the model first: half a minute that long runs on fast processors win back.",
    )

    @property
    def optimizer_name(self) -> str:
        return self.optimizer or self.scorer


class RunSettings(Settings):
    """Everything that decides what a run does; stored with the run, so that resuming needs no flag."""

    models: ModelSettings
    search: SearchSettings = SearchSettings()
    scoring: ScoringSettings = ScoringSettings()
    budget: BudgetSettings = BudgetSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where models and runs are kept."""

    models: Path
    runs: Path

    @classmethod
    def of_user(cls, home: Path | None = None) -> "Folders":
        """The folders below home; below the user's data folder if not given."""
        root = home or user_data_path("opro-local")
        return cls(models=root / "models", runs=root / "runs")
