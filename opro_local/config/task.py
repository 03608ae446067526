"""What a task is: where its rows are, what an answer is, how they are divided."""

import re

from pydantic import Field, field_validator, model_validator

from opro_local.config.choices import Annotators, BadRows, Blank, DecimalSign, Metric, Position, Twins
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


class FieldSettings(Settings):
    """One field of a JSON object: a kind of answer with its settings, and where its targets stand."""

    name: str = Field(min_length=1, description="Key of the object.")
    answer: str = Field("label", description="What its value is: a kind of answer.")
    required: bool = Field(True, description="Whether every row has it.")
    column: str | None = Field(None, description="Column of the right value; its name if not given.")
    longest: int | None = Field(
        None,
        ge=1,
        description="Most characters of a text; twice those of its longest right value if not given.",
    )
    labels: tuple[str, ...] = Field((), description="As of a task, and so are the rest.")
    pattern: str | None = None
    decimal: DecimalSign | None = None
    tolerance: str | None = None

    @property
    def source(self) -> str:
        """The column that its right values stand in, where they stand in columns."""
        return self.column or self.name

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, value: object) -> object:
        """NAME=KIND of a flag, with a ? behind it where it is optional."""
        if not isinstance(value, str):
            return value
        name, sign, kind = value.rpartition("=")
        if not sign:
            raise ValueError(f"write {value}=KIND, or {value}=KIND? where not every row has it")
        return {"name": name, "answer": kind.removesuffix("?"), "required": not kind.endswith("?")}


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
    label_columns: tuple[str, ...] = Field(
        (), description="Columns of 0 and 1, one a label of a labels answer, in place of --label."
    )
    separator: str | None = Field(
        None,
        description="What divides several labels, or several right answers of a span answer, in one cell; "
        "lists of JSON need none.",
    )
    blank: Blank = Field(
        "unlabelled",
        description="What a blank cell means: a row that nobody labelled, which is left out, or none: of the "
        "labels, to a labels answer, or no answer in the text, to a span answer.",
    )
    pattern: str | None = Field(
        None, description="Regular expression of a regex answer: its group 1, else the whole match."
    )
    decimal: DecimalSign | None = Field(
        None, description="Decimal sign of a number answer; found from the labels if not given."
    )
    tolerance: str | None = Field(
        None,
        description="How far off a number answer may be and be right: 0.01, or 1 % of the right number; "
        "exact if not given.",
    )
    fields: tuple[FieldSettings, ...] = Field(
        (),
        description="Fields of a fields answer, NAME=KIND each, with a ? behind it where not every row has "
        "it; a task file has their own settings too.",
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
    metric: Metric | None = Field(None, description="What is optimised; the answer's first if not given.")
    split: SplitSettings = Field(SplitSettings(), description="How the rows are divided.")

    @field_validator("fields")
    @classmethod
    def _named_once(cls, value: tuple[FieldSettings, ...]) -> tuple[FieldSettings, ...]:
        names = [field.name for field in value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two fields are named {twice[0]!r}")
        return value

    @field_validator("tolerance")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        if not re.fullmatch(r"\d+(?:\.\d+)?\s*%?", value.strip()):
            raise ValueError(f"{value} is no tolerance: write a number such as 0.01, or 1 %")
        return value.strip()

    @field_validator("text", mode="before")
    @classmethod
    def _one_column(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value
