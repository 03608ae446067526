"""What a task is: where its rows are, what an answer is, how they are divided."""

from pydantic import Field, field_validator, model_validator

from opro_local.config.choices import Annotators, BadRows, DecimalSign, Metric, Position, Twins
from opro_local.config.settings import Settings


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
    twins: Twins = Field(
        "together",
        description="Texts equal but for case, blanks or closing punctuation: on one side of the split, "
        "with one label, or apart like any others.",
    )

    @model_validator(mode="after")
    def _has_that_fold(self) -> "SplitSettings":
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} is none of {self.folds}: they count from 0")
        return self


class TaskSettings(Settings):
    """What task.toml says: where the rows are, what an answer is, and how a prompt is put together."""

    data: str | None = Field(
        None,
        description="Table of labelled rows (.csv .tsv .xlsx .ods .json .jsonl .parquet, - for stdin), "
        "or a folder.",
    )
    benchmark: str | None = Field(
        None, description="Benchmark in its original files: bbh:TASK, gsm8k, mmlu:SUBJECT, aqua, multiarith."
    )
    text: tuple[str, ...] = Field((), description="Column of the text; several are joined line by line.")
    label: str | None = Field(None, description="Column of the right answer, or a dotted path into JSON.")
    id: str | None = Field(None, description="Column of a unique id; made from the text if not given.")
    encoding: str = Field("utf-8", description="Encoding of a text file.")
    delimiter: str | None = Field(
        None, description="What divides the columns of a .csv or .tsv file; found in the header if not given."
    )
    sheet: str | None = Field(None, description="Sheet of a workbook that has several.")
    bad_rows: BadRows = Field("error", description="Stop at a faulty row, or skip it into a rejects file.")
    annotators: Annotators | None = Field(
        None, description="Which label holds where several annotators labelled a text; others are left out."
    )
    max_field: int = Field(
        131_072, ge=1, description="Most characters of one field; a longer one is often an open quote."
    )
    answer: str = Field("label", description="What an answer is.")
    must_stay: str | None = Field(
        None,
        description="Table of rows, with the columns of --data, that no winner may answer wrongly where the "
        "best start is right.",
    )
    labels: tuple[str, ...] = Field((), description="Labels in the order to show; found and sorted if none.")
    separator: str | None = Field(
        None,
        description="What divides several right answers in one cell of a span answer; JSON lists need none.",
    )
    pattern: str | None = Field(
        None, description="Regular expression of a regex answer: its group 1, else the whole match."
    )
    decimal: DecimalSign | None = Field(
        None, description="Decimal sign of a number answer; found from the labels if not given."
    )
    grader: str | None = Field(
        None,
        description="FILE.py:FUNCTION of a python answer: whether a reply is right, of reply and target.",
    )
    rubric: str | None = Field(
        None,
        description="What a judged answer is graded by: the text, or a file that holds it (.txt, .md).",
    )
    judge_rows: str | None = Field(
        None,
        description="Table of replies that a person graded, to measure the judge by: columns text, reply, "
        "grade (1 to 5) and, if there are any, reference.",
    )
    description: str = Field("", description="One sentence on the task, for the optimizer.")
    position: Position = Field("Q_begin", description="Where the instruction stands in a prompt.")
    qa: bool | None = Field(
        None, description="Wrap questions in Q: and A:; only for pre-trained scorers if not given."
    )
    metric: Metric | None = Field(None, description="What is optimised; accuracy if not given.")
    split: SplitSettings = Field(SplitSettings(), description="How the rows are divided.")

    @field_validator("text", mode="before")
    @classmethod
    def _one_column(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value
