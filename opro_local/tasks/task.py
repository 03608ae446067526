"""Task: the examples of a table and all that decides how they are asked and judged.

It knows no file: loading.py makes one from a table, a run file keeps one as JSON.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

from pydantic import TypeAdapter, ValidationError

from opro_local.answers import AnswerKind, kind_of
from opro_local.config import Blank, DecimalSign, FieldSettings, Metric, Position, SplitSettings
from opro_local.errors import UnreadablePart
from opro_local.records import Example
from opro_local.tasks.graded_replies import GradedReply
from opro_local.user_code import UserFunction


@dataclass(frozen=True, kw_only=True)
class Task:
    """Examples + answer type + description + instruction position.

    must_stay: rows apart from the others that a winner may not answer wrongly where the best start is right.
    test: rows of a test file of their own, the test part whatever the split says; examples are then the rest.
    pretrained_position: where the instruction stands for scorers that are no chat models, if elsewhere.
    answer is the name of its kind; labels, pattern, grader, decimal, tolerance, fields, rubric and blank are
    its settings. labels stand in the order of the settings, else of the kind, () where answers are open.
    judge_rows measure the judge that goes by the rubric.
    unlabelled: rows of the table that are left out because they have no label.
    warnings: what the user should know about the table; they do not change the task.
    """

    name: str
    examples: tuple[Example, ...]
    answer: str
    labels: tuple[str, ...]
    description: str
    position: Position
    qa: bool | None
    metric: Metric
    split: SplitSettings = field(default_factory=SplitSettings)
    test: tuple[Example, ...] = ()
    must_stay: tuple[Example, ...] = ()
    pretrained_position: Position | None = None
    pattern: str | None = None
    grader: UserFunction | None = None
    decimal: DecimalSign | None = None
    tolerance: str | None = None
    fields: tuple[FieldSettings, ...] = ()
    rubric: str | None = None
    blank: Blank = "unlabelled"
    judge_rows: tuple[GradedReply, ...] = ()
    unlabelled: int = 0
    warnings: tuple[str, ...] = ()

    @cached_property
    def kind(self) -> AnswerKind:
        return kind_of(self.answer, self)

    @property
    def rows(self) -> tuple[Example, ...]:
        """All of them."""
        return (*self.examples, *self.test, *self.must_stay)


_TASK = TypeAdapter(Task)


def task_to_json(task: Task) -> str:
    """JSON for the run file; task_from_json(task_to_json(t)) == t."""
    return _TASK.dump_json(task).decode()


def task_from_json(text: str) -> Task:
    """Raises UnreadablePart when the text is not a task."""
    try:
        task = _TASK.validate_json(text)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise UnreadablePart(f"the stored task cannot be read (at {key!r}). Start a new run.") from None
    if "twins" in task.split.model_fields_set:
        return task
    # Runs that were begun before twins were kept together go on with the rows that they had.
    return replace(task, split=task.split.model_copy(update={"twins": "apart"}))
