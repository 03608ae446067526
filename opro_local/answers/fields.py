"""A JSON object of fields, each an answer of a kind of its own; some of them may be left out.

A reply is held to this form while it is written, so that it always parses. It is read as strictly where it
was not: the first object in it counts, a key that it has twice spoils it, and keys that nobody asked for do
not count. null and an empty text say that a field is not there. A value that its kind cannot read is null in
the prediction: it is right for no row.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import fmean
from typing import ClassVar

import regex

from opro_local.answers import AnswerKind, kind_class, kind_names, kind_of
from opro_local.config import FieldSettings, Metric, TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.reading.json_objects import (
    COLON,
    COMMA,
    DECODER,
    OPENING,
    KeyTwice,
    Values,
    compact,
    has_object,
    loaded,
)
from opro_local.reading.replies import (
    CUT_OFF,
    NO_ANSWER,
    SEVERAL_ANSWERS,
    Graded,
    Grader,
    counted_part,
    opens_question,
    own_part,
)
from opro_local.records import Example, LabelledRow
from opro_local.wording import listed, quoted

LEAST_LONGEST, LONGEST = 40, 400
"""Characters that a text may have at the least, and where nobody says how many."""
BROKEN = Graded(reason="not valid JSON")


@dataclass(frozen=True, kw_only=True)
class Fields(AnswerKind):
    """Worth the mean of what its fields are worth; one that is neither there nor in the reply is right."""

    uses = ("fields",)
    needs = ("fields",)
    metrics: ClassVar[Sequence[Metric]] = ("mean_score", "accuracy")
    targets_are_nested = True

    @classmethod
    def target_of(cls, cell: str, settings: TaskSettings) -> str:
        """An object of JSON -> one of the texts of the fields that it has."""
        if not cell.strip():
            return ""
        try:
            said = DECODER.decode(cell)
        except KeyTwice:
            raise ValueError("a key stands twice in the JSON object. Rename one") from None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise ValueError("no JSON object. Write one with the fields as its keys")
        there = {f.name: said[f.name] for f in settings.fields if said.get(f.name) not in (None, "")}
        if nested := [name for name, value in there.items() if isinstance(value, list | dict)]:
            raise ValueError(f"the value of {quoted(nested[0])} is nested. Give text or a number")
        return compact({name: AnswerKind().of_json(value) for name, value in there.items()})

    @classmethod
    def fields_of(
        cls, rows: Sequence[LabelledRow], given: Sequence[FieldSettings]
    ) -> tuple[FieldSettings, ...]:
        return tuple(_completed(field, rows) for field in given)

    def written(self, target: str) -> str:
        """The kinds' values in the fields' order."""
        said = json.loads(target)
        values = {name: kind.to_json(said[name]) for name, kind in self._kinds.items() if name in said}
        return compact(values)

    @cached_property
    def constraint(self) -> str:
        members = [
            (re.escape(f"{compact(field.name)}{COLON}") + self._form(field), field.required)
            for field in self.fields
        ]
        return rf"\{{{_members(members)}\}}"

    @property
    def told(self) -> str:
        return f"Answers are JSON objects of {self._asked}."

    @property
    def reading(self) -> str:
        return f"the first JSON object in it, of {self._asked}"

    @property
    def instructions(self) -> Sequence[str]:
        keys = listed([quoted(field.name) for field in self.fields], most=len(self.fields))
        return [
            f"Give {self._asked} as one JSON object.",
            f"Extract {keys} as JSON.",
            "Fill in the JSON object from the text.",
            f"Read the text and answer with a JSON object of {self._asked}.",
            "What does the text say? Answer in JSON.",
            f"Answer with one JSON object and nothing else. Its keys: {keys}.",
            "You are a careful clerk who copies what a text says into a form and never guesses.",
            "Take each value from the text. Leave out what the text does not tell.",
            "Go through the fields one by one and look for each of them in the text.",
            "Read the text twice before you fill in the form, and check every value against it.",
            "Write the record of this text.",
        ]

    def notes(self, rows: Sequence[LabelledRow]) -> Iterator[str]:
        for field in self.fields:
            own = _rows_of(field.name, rows)
            told = self._kinds[field.name].notes(own) if own else ["no row has it: is it called otherwise?"]
            yield from (f"field {quoted(field.name)}: {each}" for each in told)

    def found(self, rows: Sequence[Example]) -> Mapping[str, str]:
        targets = [json.loads(row.target) for row in rows]
        return {
            field.name: f"{field.answer} ({self._kinds[field.name].wanted}), "
            f"in {sum(field.name in target for target in targets)} of {len(targets)} rows"
            for field in self.fields
        }

    def fault(self, row: LabelledRow, *, published: bool) -> str | None:
        said = json.loads(row.target)
        for field in self.fields:
            if field.name not in said and field.required:
                return f"no {quoted(field.name)}. Fill it in or make the field optional: required = false."
            if field.name in said and (told := self._fault(field, said[field.name], row, published)):
                return f"{quoted(field.name)}: {told}"
        return None

    def _form(self, field: FieldSettings) -> str:
        return self._kinds[field.name].json_form(field.longest or LONGEST) or ""

    def _fault(self, field: FieldSettings, text: str, row: LabelledRow, published: bool) -> str | None:
        kind = self._kinds[field.name]
        if told := kind.fault(replace(row, target=text), published=published):
            return told
        writable = regex.fullmatch(self._form(field), compact(kind.to_json(text)))
        return None if writable else "too long, or with signs that no reply has. Shorten it."

    def strict(self) -> Grader:
        return ObjectGrader(self)

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer fields: use --grading strict.")

    def worth(self, answer: str, example: Example) -> float:
        return fmean(self.parts(answer, example.target).values())

    def parts(self, prediction: str | None, target: str) -> Mapping[str, float]:
        if prediction is None:
            return dict.fromkeys(self._kinds, 0.0)
        said, right = loaded(prediction), loaded(target)
        return {name: self._worth(name, said, right) for name in self._kinds}

    def read(self, said: Values, question: str) -> str:
        """What an object says, its values as their kinds read them."""
        there = {name: said[name] for name in self._kinds if said.get(name) not in (None, "")}
        return compact({name: self._value(name, value, question) for name, value in there.items()})

    def _value(self, name: str, value: object, question: str) -> object:
        kind = self._kinds[name]
        if isinstance(value, list | dict):
            return None
        text = kind.of_json(value)
        if text in kind.classes:
            return kind.to_json(text)
        counted, _ = counted_part(text, partial(kind.is_answer, question=question))
        answers = kind.answers(counted, question)
        return kind.to_json(answers[0]) if len(answers) == 1 else None

    def _worth(self, name: str, said: Values, right: Values) -> float:
        if name not in right:
            return float(name not in said)
        if said.get(name) is None:
            return 0.0
        kind = self._kinds[name]
        target = Example(id="", text="", target=kind.of_json(right[name]))
        return kind.worth(kind.of_json(said[name]), target)

    @cached_property
    def _kinds(self) -> Mapping[str, AnswerKind]:
        return {field.name: kind_of(field.answer, field) for field in self.fields}

    @property
    def _asked(self) -> str:
        """The fields for people and models."""
        return "; ".join(
            f"{quoted(field.name)} ({self._kinds[field.name].wanted}"
            f"{'' if field.required else '; left out where the text does not tell'})"
            for field in self.fields
        )


@dataclass(frozen=True, slots=True)
class ObjectGrader:
    """Reads the first JSON object of a reply."""

    kind: Fields

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        text = own_part(reply)
        begun = OPENING.search(text)
        if begun is None:
            return CUT_OFF if cut else NO_ANSWER
        try:
            said, _ = DECODER.raw_decode(text, begun.start())
        except KeyTwice:
            return SEVERAL_ANSWERS
        except (ValueError, RecursionError):
            return CUT_OFF if cut else BROKEN
        prediction = self.kind.read(said, example.text)
        return Graded(prediction=prediction, score=self.kind.worth(prediction, example))

    def is_final(self, text: str, question: str) -> bool:
        """Behind the first object, and behind a question of the model's own."""
        return any(map(opens_question, text.splitlines())) or has_object(text)


def _members(members: Sequence[tuple[str, bool]], *, begun: bool = False) -> str:
    """A regular expression of members in this order, of which some may be left out."""
    if not members:
        return ""
    (member, required), *others = members
    given = f"{re.escape(COMMA) if begun else ''}{member}"
    if required:
        return given + _members(others, begun=True)
    if begun:
        return f"(?:{given})?{_members(others, begun=True)}"
    return f"(?:{given}{_members(others, begun=True)}|{_members(others)})"


def _completed(field: FieldSettings, rows: Sequence[LabelledRow]) -> FieldSettings:
    """The field with what its kind finds in the rows that have it."""
    kind = _kind_of_field(field)
    own = _rows_of(field.name, rows)
    try:
        found = {
            "labels": kind.labels_of(own, field.labels),
            "decimal": kind.decimal_of(own, field.decimal),
            "longest": field.longest or max([LEAST_LONGEST, *(2 * len(row.target) for row in own)]),
        }
    except DataError as error:
        raise DataError(f"field {quoted(field.name)}: {error}") from None
    return field.model_copy(update=found)


def _rows_of(name: str, rows: Sequence[LabelledRow]) -> list[LabelledRow]:
    """The rows that have a field, with it as their target."""
    said = [(row, json.loads(row.target)) for row in rows]
    return [replace(row, target=values[name]) for row, values in said if name in values]


def _kind_of_field(field: FieldSettings) -> type[AnswerKind]:
    """Raises SettingsError for kinds that are no values of JSON, and settings that they do not take."""
    kind, able = kind_class(field.answer), [name for name in kind_names() if _is_able(name)]
    if field.answer not in able:
        raise SettingsError(
            f"field {quoted(field.name)}: {field.answer} cannot be one. Take {' or '.join(able)}."
        )
    for key in ("labels", "pattern", "decimal", "tolerance"):
        given = getattr(field, key) not in (None, ())
        if given and key not in kind.uses:
            raise SettingsError(f"field {quoted(field.name)}: answer {field.answer} takes no {key}.")
        if not given and key in kind.needs:
            raise SettingsError(f"field {quoted(field.name)}: answer {field.answer} needs a {key}.")
    return kind


def _is_able(name: str) -> bool:
    """Whether an answer of this kind is a value of JSON, and a target one text."""
    kind = kind_class(name)
    return kind.json_form is not AnswerKind.json_form and not kind.targets_are_nested
