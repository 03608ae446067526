"""Answer kinds: what an answer to a task is. A module each, found by its name, with one class.

A kind says what a target must be, how it is asked for, how a reply is read, what the reading is worth, and
which metrics suit it. Nothing outside this room names a kind: to add one, add a file. Its class is a subclass
of AnswerKind; what that does not say is as in an open answer.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import ClassVar

from opro_local.config import Blank, DecimalSign, FieldSettings, Grading, Metric, TaskSettings
from opro_local.errors import SettingsError
from opro_local.reading.official import OfficialGrader
from opro_local.reading.replies import Grader, StrictGrader
from opro_local.records import Example, LabelledRow, Outcome, Reason
from opro_local.user_code import UserFunction
from opro_local.wording import listed, quoted

OPEN_INSTRUCTIONS = (
    "Answer the question. Give only the answer.",
    "Answer.",
    "What is the right answer?",
    "Reply as briefly as you can.",
    "Think about what is asked, then answer.",
    "You are an expert on this subject. Answer precisely.",
    "Answer in the form that the question asks for, without any comment.",
    "Work it out in small steps and finish with the answer.",
    "List what the question tells you, then draw the conclusion.",
    "Read the question twice before you answer it.",
    "Check your answer against every part of the question before you write it down.",
)


@dataclass(frozen=True, kw_only=True)
class AnswerKind:
    """The answers to one task, and opro_local.reading.replies.Reader of them.

    The fields are the settings of all kinds; uses names those of this one, needs those that it cannot do
    without. metric is what the task optimises, known to every kind. metrics are those that suit; the first is
    taken where none is asked for. targets_are_labels: each is one of some names; targets_are_names: what a
    spreadsheet holds as a number may have lost a part of its name. targets_are_nested: a list or an object of
    JSON is one, as it is written. several_targets: each of several right answers will do. optional_targets: a
    row may have none. rubric: replies are not read, but graded by a judge.
    """

    labels: tuple[str, ...] = ()
    pattern: str | None = None
    grader: UserFunction | None = None
    decimal: DecimalSign | None = None
    tolerance: str | None = None
    fields: tuple[FieldSettings, ...] = ()
    rubric: str | None = None
    blank: Blank = "unlabelled"
    metric: Metric = "accuracy"

    uses: ClassVar[Sequence[str]] = ()
    needs: ClassVar[Sequence[str]] = ()
    metrics: ClassVar[Sequence[Metric]] = ("accuracy",)
    targets_are_labels: ClassVar[bool] = False
    targets_are_names: ClassVar[bool] = False
    targets_are_nested: ClassVar[bool] = False
    several_targets: ClassVar[bool] = False
    optional_targets: ClassVar[bool] = False

    @classmethod
    def target_of(cls, cell: str, _settings: TaskSettings) -> str:
        """What a cell of a table holds as a target; blank where it holds none.

        Raises ValueError for one that cannot be: what is wrong, and the first half of what to do.
        """
        return cell

    @classmethod
    def labels_of(cls, _rows: Sequence[LabelledRow], given: Sequence[str]) -> tuple[str, ...]:
        """The labels of a table: those given, in their order. Raises DataError for rows that cannot be."""
        return tuple(given)

    @classmethod
    def decimal_of(cls, _rows: Sequence[LabelledRow], given: DecimalSign | None) -> DecimalSign | None:
        """The decimal sign of a table's numbers, the one that is given if there is one."""
        return given

    @classmethod
    def fields_of(
        cls, _rows: Sequence[LabelledRow], given: Sequence[FieldSettings]
    ) -> tuple[FieldSettings, ...]:
        """The fields with all that their kinds find in a table. Raises DataError and SettingsError."""
        return tuple(given)

    def written(self, target: str) -> str:
        """A target as a reply would give it, which is how examples have it."""
        return target

    def notes(self, _rows: Sequence[LabelledRow]) -> Iterable[str]:
        """What the user should know about the targets and how they are read."""
        return ()

    @property
    def classes(self) -> tuple[str, ...]:
        """What an answer is exactly one of; () where answers are open."""
        return ()

    @property
    def members(self) -> tuple[str, ...]:
        """What an answer may have any number of; () where it is one thing."""
        return ()

    def named(self, target: str) -> Sequence[str]:
        """The labels that a target has, if there are labels."""
        return (target,)

    def constants(self, targets: Sequence[str]) -> Sequence[str]:
        """What could be said to every row without reading it, the most common of these targets first."""
        return [max(dict.fromkeys(targets), key=targets.count)]

    def shown(self, target: str) -> str:
        """How a shot writes a target: in the form that answers are asked for in."""
        return target

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The texts whose log-probabilities are asked for behind one prompt; () where answers are written."""
        return self.classes

    @property
    def in_a_choice(self) -> int:
        """How many alternatives, side by side, exclude one another: exactly one of them is right."""
        return len(self.alternatives)

    def right_places(self, target: str) -> tuple[int, ...]:
        """The places of the right alternatives, one of each choice."""
        return (self.classes.index(target),)

    def predicted(self, log_probs: Sequence[float], _rule: Sequence[float] = ()) -> str:
        """What the log-probabilities of the alternatives come to, in nats, their biases in.

        rule is what a calibration holds behind its biases; () before one is fitted. Of equal ones the first.
        """
        return self.classes[log_probs.index(max(log_probs))]

    def calibrations(
        self, _outcomes: Sequence[Outcome], biases: tuple[float, ...]
    ) -> Sequence[tuple[float, ...]]:
        """Those that outcomes on train, all with log-probabilities, leave to choose from.

        Each is a bias in nats an alternative, then the numbers of a rule, or empty. The one that is best in
        the task's metric is taken, of equal ones the first. biases are the method's, () where it has none.
        """
        return (biases,)

    def parts_of(self, calibration: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
        """The biases, one an alternative, and the rule."""
        count = len(self.alternatives)
        return calibration[:count], calibration[count:]

    def decision(self, _rule: Sequence[float], of_each: str) -> str:
        """What predicted does, for people who do it elsewhere; of_each is how they call a log-probability."""
        return f"the label whose {of_each} is highest (summed over its tokens; of equal ones the first)"

    def code(self, _rule: Sequence[float]) -> str:
        """What predicted does as a Python expression of LABELS, the alternatives, and scores, both lists.

        scores are their log-probabilities, biases in; torch is at hand.
        """
        return "LABELS[scores.index(max(scores))]"

    @property
    def beside(self) -> Sequence[Metric]:
        """Metrics that are reported whichever is optimised, though they say nothing of other kinds."""
        return ()

    @property
    def told(self) -> str:
        """What the optimizer is told of answers, in a sentence; "" where it sees enough of them."""
        return ""

    @property
    def reading(self) -> str:
        """What a reply is read as, for people who read it elsewhere."""
        return "the one answer that it gives"

    @property
    def constraint(self) -> str | None:
        """A regular expression of readable replies (llm.GenerationRequest); None where any text is one."""
        return None

    def json_form(self, _longest: int) -> str | None:
        """The same of a value of JSON, of a text up to so many characters; None where it can be no field."""
        return None

    def to_json(self, text: str) -> object:
        """An answer as a value of JSON."""
        return text

    def of_json(self, value: object) -> str:
        """What a value of JSON says; int and Decimal are its numbers."""
        return json.dumps(value) if isinstance(value, bool) else str(value)

    @property
    def wanted(self) -> str:
        """What a value is, in a few words, for people and models."""
        return "a text"

    def found(self, _rows: Sequence[Example]) -> Mapping[str, str]:
        """What a table holds of each part of an answer, in words, where it has parts."""
        return {}

    def described(self, _rows: Sequence[Example]) -> str:
        """What the right answers of a table are like, in a few words, where there are no labels."""
        return "every row has one of its own"

    def parts(self, _prediction: str | None, _target: str) -> Mapping[str, float]:
        """What each part of an answer is worth, from 0 to 1, where it has parts."""
        return {}

    def fault(self, _row: LabelledRow, *, published: bool) -> str | None:
        """Why no reply could equal the row's target, if so; published rows stay as they are."""
        return None

    def right(self, target: str) -> Sequence[str]:
        """The right answers of a row, the one to be shown first; () where it has none."""
        return (target,) if target else ()

    def stratum(self, _example: Example) -> str:
        """What a split keeps in proportion; shots show each of these in turn."""
        return ""

    def strata(self, _rows: Sequence[Example]) -> Callable[[Example], str]:
        """The stratum of each of these rows, where it depends on the others."""
        return self.stratum

    @property
    def instructions(self) -> Sequence[str]:
        """Different direct instructions, the plainest first: that is where a search starts."""
        return OPEN_INSTRUCTIONS

    def forbidden(self, _instruction: str) -> Reason | None:
        """Why an instruction is rejected that would give answers of this kind away, if it is."""
        return None

    def strict(self) -> Grader:
        """How replies are read. Raises SettingsError for code of the user's that does not load."""
        return StrictGrader(self)

    def official(self) -> Grader:
        """How the published implementation reads them. Raises SettingsError where it has no such kind."""
        return OfficialGrader()

    def answers(self, text: str, question: str) -> Sequence[str]:
        raise NotImplementedError

    def is_answer(self, text: str, question: str) -> bool:
        raise NotImplementedError

    def awaits_end(self, _text: str) -> bool:
        return False

    def value(self, _text: str) -> float | None:
        """The size of a target or an answer, where errors have one."""
        return None

    def worth(self, answer: str, example: Example) -> float:
        """From 0 to 1, which is right."""
        return float(answer == example.target)


def kind_names() -> list[str]:
    """As users write them: the names of the files."""
    return sorted(module.name for module in iter_modules(__path__))


@cache
def kind_class(name: str) -> type[AnswerKind]:
    """The one kind that the file of this name defines. Raises SettingsError when there is none."""
    if name not in kind_names():
        raise SettingsError(f"answer {quoted(name)} is none of {listed(kind_names(), most=20)}.")
    module = import_module(f"{__name__}.{name}")
    own = (value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__)
    (found,) = (value for value in own if isinstance(value, type) and issubclass(value, AnswerKind))
    return found


def kind_of(name: str, form: object) -> AnswerKind:
    """The kind of this name with the settings that form (a task, a field) has for it."""
    known = (field.name for field in dataclasses.fields(AnswerKind))  # fields is a module of this room
    settings = {name: getattr(form, name) for name in known if hasattr(form, name)}
    return kind_class(name)(**settings)


def grader_of(kind: AnswerKind, grading: Grading = "strict") -> Grader:
    """How replies are read. Raises SettingsError as strict and official do."""
    return kind.official() if grading == "official" else kind.strict()
