"""What every run found, as records: all that does not need single outcomes, so that it is read quickly.

Numbers are finite, as JSON has no others: what is not is None. A field with the default None is left out of
the JSON where it is None.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opro_local.effort import WorkerStats
from opro_local.evidence.judge_record import JudgeRecord
from opro_local.prompt_form import PromptForm
from opro_local.records import Author, Direction, Example, OptimizerCall, SplitName
from opro_local.results.by_label import Confusion, LabelFigures
from opro_local.scoring.render import Layout
from opro_local.store.header import ModelRecord

Settings = Mapping[str, Mapping[str, object]]
"""As the run file keeps them: groups of settings by name, of whichever version made the run."""
Numbers = tuple[float, ...]


def finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: they become None."""
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A score: value with its 95 % interval where one is known, on n rows; reasons count what had no answer.

    prompt_tokens is the mean length of a prompt, the row included.
    """

    value: float | None
    n: int
    interval: tuple[float, float] | None
    metrics: Mapping[str, float | None]
    reasons: Mapping[str, int]
    prompt_tokens: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Figures):
    """The score of the best solution on validation or test, with the labels that it mixes up.

    per_label stands where answers are sets.
    """

    confusion: Confusion | None = None
    per_label: Sequence[LabelFigures] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Figures):
    """The score of a candidate on a split; shots are ids of rows, form and verbalizer None by default.

    calibration is the one that it was scored with there, in the order of the labels.
    """

    instruction: str
    shots: Sequence[str]
    key: str
    split: SplitName
    calibration: Numbers = ()
    form: PromptForm | None = None
    verbalizer: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Measured):
    """A candidate that was validated during the search, with its step and its score on train."""

    step: int
    train: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The best prompt in full, with who proposed it in which step.

    calibration and verbalizer follow the order of the labels; without verbalizer these stand for themselves.
    form is None where it is the default.
    """

    instruction: str
    shots: Sequence[Example]
    calibration: Numbers
    key: str
    step: int
    origin: str
    form: PromptForm | None = None
    verbalizer: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The best solution of a mathematical problem, with who proposed it in which step."""

    solution: Numbers
    key: str
    step: int
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedPrompt:
    """A prompt as it was proposed, and scored if it was; shots are ids: most have the same."""

    instruction: str
    shots: Sequence[str]
    calibration: Numbers
    form: PromptForm | None = None
    verbalizer: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalResult:
    """A proposal and what became of it: rejected for a reason, scored, or dropped from its race."""

    text: str
    origin: str
    author: Author
    reason: str | None
    key: str | None
    solution: ProposedPrompt | Numbers | None
    score: Figures | None
    dropped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step with all its proposals; closed: they are scored.

    calls are all of the optimizer's. Beside them stand what the first was asked, and the tokens of all.
    """

    number: int
    closed: bool
    temperature: float | None
    seed: int | None
    prompt_tokens: int
    generated_tokens: int
    meta_prompt: str
    exemplar_ids: Sequence[str]
    calls: Sequence[OptimizerCall]
    proposals: Sequence[ProposalResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposerResult:
    """What one proposer brought: proposals, those that were accepted, records that it set on train."""

    proposer: str
    proposals: int
    accepted: int
    rejected: Mapping[str, int]
    dropped: int
    records: int
    best: float | None
    won: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageResult:
    """What the run has used; a cached answer counts like a computed one."""

    steps: int
    pairs: int
    scorer_tokens: int
    optimizer_tokens: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What scoring by likelihood took in one process (EngineStats), and its share of the machine's limit."""

    level: str
    requests: int
    tokens_run: int
    least_tokens: int
    prefix_tokens: int
    stored_prefix_tokens: int
    seconds: float
    least_seconds: float
    efficiency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """What replies and proposals took to write in one process, prompts read included, beside the least."""

    tokens: int
    seconds: float
    least_seconds: float
    efficiency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """All that may differ between an unbroken run and one that was cut off and resumed.

    parts are the seconds that the optimizer, the scorer, the tokenizer and the store took, each for itself;
    "other" is the rest, "unmeasured" what ran before they were measured. scorer and decoding have an entry a
    process that came to its end, if it scored, or decoded; workers one a process that had some.
    """

    created: str
    seconds: float
    pairs_per_second: float | None
    parts: Mapping[str, float]
    scorer: Sequence[Effort]
    decoding: Sequence[Decoding]
    workers: Sequence[Sequence[WorkerStats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What was searched for; a mathematical problem has its name and measure only, an older run less.

    left_out counts the rows of the table that are longer than the scorer's context; judge grades replies.
    """

    name: str | None = None
    answer: str | None = None
    labels: Sequence[str] | None = None
    metric: str | None = None
    grading: str | None = None
    layout: Layout | None = None
    rows: Mapping[str, int] | None = None
    row_ids: Mapping[str, Sequence[str]] | None = None
    left_out: int | None = None
    judge: JudgeRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a run found, without what is made of single outcomes.

    status is "unfinished" while it searches or was cut off there, "stopped" while it measures what it found,
    "finished". best is the winner, or the best so far; train, validation and test are its scores. baselines
    are measured on test, finalists, periodic ones and near-paraphrases (sensitivity) on validation. compared
    are the finalists that could win, on train and validation together; frontier holds those that no other
    beats in both score and length, the shortest first. expected is what the winner will score on other rows,
    by validation; older runs have neither.
    """

    store_version: int
    run: str
    kind: str
    direction: Direction
    status: str
    stop_reason: str | None
    models: Sequence[ModelRecord]
    versions: Mapping[str, str]
    settings: Settings
    task: Problem
    metric: str | None
    best: Prompt | Solution | None
    train: Figures | None
    validation: Held | None
    test: Held | None
    baselines: Sequence[Measured]
    finalists: Sequence[Measured]
    periodic: Sequence[Followed]
    sensitivity: Sequence[Measured]
    compared: Sequence[Measured]
    frontier: Sequence[Measured]
    expected: Figures | None
    proposers: Sequence[ProposerResult]
    rejected: Mapping[str, int]
    unanswered: Mapping[str, int]
    usage: UsageResult
    steps: Sequence[StepResult]
    timing: Timing

    @property
    def name(self) -> str:
        """What people call the problem."""
        return self.task.name or self.kind

    @property
    def measure(self) -> str:
        """What the scores are figures of."""
        return self.metric or "value"

    @property
    def contenders(self) -> Sequence[Measured]:
        """Whom the winner was chosen from, with what it was chosen by."""
        return self.compared or self.finalists

    @property
    def chosen_on(self) -> str:
        """The rows that it was chosen by."""
        return "train and validation" if self.compared else "validation"
