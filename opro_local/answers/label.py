"""One of a set of labels, as a whole word."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import Metric
from opro_local.errors import DataError
from opro_local.reading.json_objects import compact
from opro_local.reading.numbers import number_value
from opro_local.reading.words import Words, of_labels
from opro_local.records import Example, LabelledRow
from opro_local.wording import counted, listed, quoted


@dataclass(frozen=True, kw_only=True)
class Label(AnswerKind):
    """Case does not count, but for single letters ("a" is a word) and labels that differ in nothing else."""

    uses = ("labels",)
    targets_are_labels = True
    targets_are_names = True
    reading = "the one label that it names, as a whole word; upper and lower case are the same"
    metrics: ClassVar[Sequence[Metric]] = (
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "mcc",
        "weighted_kappa",
        "log_loss",
        "brier",
    )

    @classmethod
    def labels_of(cls, rows: Sequence[LabelledRow], given: Sequence[str]) -> tuple[str, ...]:
        """The classes, each with two different texts at least: one to learn from and one to judge by."""
        texts: dict[str, set[str]] = defaultdict(set)
        where: dict[str, str] = {}
        for row in rows:
            if given and row.target not in given:
                known = listed([quoted(label) for label in given], most=20)
                raise DataError(f"{row.where}: label {quoted(row.target)} is not one of labels: {known}.")
            texts[row.target].add(row.text)
            where.setdefault(row.target, row.where)
        single = [f"{quoted(label)} ({where[label]})" for label, seen in texts.items() if len(seen) == 1]
        if single:
            found = all(number_value(label) is not None for label in texts)
            remedy = "Numbers to be found are --answer number" if found else "Add rows or remove the label"
            raise DataError(
                f"{counted(len(single), 'label')} with one example only, copies not counted: "
                f"{listed(single)}. {remedy}."
            )
        if len(texts) == 1:
            raise DataError(f"all rows have the label {quoted(rows[0].target)}: a task needs two labels.")
        return tuple(given) or tuple(sorted(texts))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels

    def json_form(self, _longest: int) -> str:
        return f"(?:{'|'.join(re.escape(compact(self.to_json(label))) for label in self.labels)})"

    @property
    def wanted(self) -> str:
        return f"one of {', '.join(self.labels)}"

    def stratum(self, example: Example) -> str:
        return example.target

    @property
    def instructions(self) -> Sequence[str]:
        named = ", ".join(self.labels)
        lines = "\n".join(f"- {label}" for label in self.labels)
        return [
            f"Which of these is it: {named}?",
            "Classify the text.",
            "What kind of text is this?",
            f"Answer with one of these and nothing else: {named}.",
            f"Assign the text to exactly one of the following categories: {named}.",
            f"The possible labels are:\n{lines}\nPick the one that describes the text best.",
            f"Work out step by step what the text is about, then decide on one of: {named}.",
            f"You are an expert who has sorted thousands of such texts. Sort this one into: {named}.",
            f"Rule out the labels that do not fit and give the one that is left. The labels: {named}.",
            "Go with your first impression.",
            "Read every word of the text before you decide on its label.",
        ]

    def answers(self, text: str, question: str) -> Sequence[str]:
        return self._words.said(text)

    def is_answer(self, text: str, question: str) -> bool:
        return self._words.is_one(text)

    @cached_property
    def _words(self) -> Words:
        return of_labels(self.labels)
