"""A set of labels, which may be empty: of each label, whether it is given.

Every label is a choice of its own between yes and no. Behind one prompt each is asked for as a line,
"billing: yes" or "billing: no"; shots show a line for each label. With Qwen2.5-Coder-0.5B on
scripts/tables/themed_emails.py (six shots) the mean AUC of the labels is .74 for lines, .69 for an entry of a
list beside "none", .71 for one of all labels.

A target is written with its labels sorted, "billing; delivery", or "none". "none" is the one name that no
label may have, and ";" the one sign that none may hold.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean
from typing import ClassVar

from opro_local.answers import AnswerKind
from opro_local.config import Metric, TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.reading.replies import Grader, answer_span
from opro_local.reading.several import list_in
from opro_local.reading.ticks import ticks_in
from opro_local.reading.words import Words, of_labels
from opro_local.records import Example, LabelledRow, Outcome
from opro_local.wording import counted, listed, quoted

SIGN = ";"
NONE = "none"
FEWEST_TEXTS = 2
"""A stratum has so many different texts at least."""
LIST = re.compile(r"\[\s*['\"].*['\"]\s*\]\Z", re.DOTALL)
FILLING = re.compile(r"\b(?:and|yes|no)\b", re.IGNORECASE)
"""Words of a list that stand beside its labels."""
HEDGE = re.compile(r"[^\w.]*(?:and/)?or\b[^\w.]*", re.IGNORECASE)
"""All that stands between two labels of which only one may be meant."""


@dataclass(frozen=True, kw_only=True)
class Labels(AnswerKind):
    """Of a written reply each label counts that it says and does not deny; of two with an "or" none does."""

    uses = ("labels", "label_columns", "separator", "blank")
    targets_are_nested = True
    reading = 'the set of labels that it says and does not deny; "none" is the empty set'
    metrics: ClassVar[Sequence[Metric]] = ("example_f1", "micro_f1", "macro_f1", "accuracy")

    @classmethod
    def target_of(cls, cell: str, settings: TaskSettings) -> str:
        """Of a list, of labels with the separator between two, or of one label."""
        if not cell.strip():
            return NONE if settings.blank == "none" else ""
        names = [name.strip() for name in _names(cell.strip(), settings.separator)]
        if not all(names):
            raise ValueError("a blank among labels. Take out the sign that is too many")
        if any(SIGN in name for name in names):
            raise ValueError(f'a label with "{SIGN}" in it. Rename it, or pass --separator "{SIGN}"')
        if len(names) > 1 and NONE in map(str.casefold, names):
            raise ValueError(f'"{NONE}", which is no label, beside labels. Give one or the other')
        return _written(name for name in names if name.casefold() != NONE)

    @classmethod
    def labels_of(cls, rows: Sequence[LabelledRow], given: Sequence[str]) -> tuple[str, ...]:
        if wrong := [label for label in given if SIGN in label or label.casefold() == NONE]:
            raise SettingsError(f'labels: {quoted(wrong[0])} can be none: "{NONE}" and "{SIGN}" are taken.')
        where = {label: row.where for row in reversed(rows) for label in _read(row.target)}
        unknown = [f"{quoted(label)} ({place})" for label, place in where.items() if label not in given]
        if given and unknown:
            known = listed([quoted(label) for label in given], most=20)
            raise DataError(f"labels that are not one of labels ({known}): {listed(unknown)}.")
        if len({row.target for row in rows}) == 1:
            raise DataError(f"all rows have the same answer, {quoted(rows[0].target)}: a task needs two.")
        labels = tuple(given) or tuple(sorted(where))
        if len(labels) < 2:
            raise DataError("answer labels takes two labels at least. For one, set answer to boolean.")
        return labels

    def notes(self, rows: Sequence[LabelledRow]) -> Iterable[str]:
        often = Counter(label for row in rows for label in _read(row.target))
        if rare := [quoted(label) for label in self.labels if often[label] == 1]:
            yield f"{counted(len(rare), 'label')} that only one row has: {listed(rare)}."
        if joined := [quoted(label) for label in self.labels if self._joins(label)]:
            yield f"labels that join others ({listed(joined)}): pass --separator if these are several."

    def fault(self, row: LabelledRow, *, published: bool) -> str | None:
        """Rows apart from the table's may have labels of their own."""
        unknown = [quoted(label) for label in _read(row.target) if label not in self.labels]
        return f"no row of the table has the label {listed(unknown)}. Correct it." if unknown else None

    def named(self, target: str) -> Sequence[str]:
        return _read(target)

    def constants(self, targets: Sequence[str]) -> Sequence[str]:
        """The most common set, then none of the labels, the most common one, the two most common, ..."""
        often = Counter(label for target in targets for label in _read(target))
        ordered = [label for label, _ in often.most_common()]
        return [*super().constants(targets), *(_written(ordered[:k]) for k in range(len(ordered) + 1))]

    @property
    def members(self) -> tuple[str, ...]:
        return self.labels

    @property
    def alternatives(self) -> tuple[str, ...]:
        return tuple(_line(label, given=given) for label in self.labels for given in (True, False))

    @property
    def in_a_choice(self) -> int:
        return 2

    def right_places(self, target: str) -> tuple[int, ...]:
        given = set(_read(target))
        return tuple(2 * i + (label not in given) for i, label in enumerate(self.labels))

    def predicted(self, log_probs: Sequence[float], rule: Sequence[float] = ()) -> str:
        """The labels for which yes is likelier than no, or by more than it is on average and rule."""
        log_odds = _log_odds(log_probs)
        least = fmean(log_odds) + sum(rule) if rule else 0.0
        return _written(label for label, odds in zip(self.labels, log_odds, strict=True) if odds > least)

    def calibrations(
        self, outcomes: Sequence[Outcome], biases: tuple[float, ...]
    ) -> Sequence[tuple[float, ...]]:
        """None, or those with which as many train rows are given a label as have it, in two ways.

        Such thresholds hang on a quantile: the best of three on 48 train rows looks better by .04 of F1 at
        most than it is, thresholds with the best F1 on train by .12 (scripts/simulate_thresholds.md). In the
        second way they are of log-odds less the row's mean: of some rows small models say yes to all.
        """
        log_odds = [_log_odds(outcome.choice_log_probs) for outcome in outcomes]
        beyond = [[odds - fmean(row) for odds in row] for row in log_odds]
        often = Counter(label for outcome in outcomes for label in _read(outcome.target))
        plain, relative = (self._thresholds(rows, often) for rows in (log_odds, beyond))
        return [(), _biases(plain), (*_biases(relative), fmean(relative))]

    def _thresholds(self, rows: Sequence[Sequence[float]], often: Mapping[str, int]) -> list[float]:
        columns = zip(self.labels, zip(*rows, strict=True), strict=True)
        return [_threshold(values, often[label]) for label, values in columns]

    def decision(self, rule: Sequence[float], of_each: str) -> str:
        by = f" by {rule[0]:.6g} nats more than it has on the row's average" if rule else ""
        return (
            f'the set of labels whose line "LABEL: yes" has a higher {of_each} than "LABEL: no" has{by} '
            '(summed over their tokens; "none" for no label)'
        )

    def code(self, rule: Sequence[float]) -> str:
        odds = "[yes - no for yes, no in zip(scores[::2], scores[1::2])]"
        least = f"sum(odds) / len(odds) + {rule[0]!r}" if rule else "0"
        given = "line.removesuffix(': yes') for line, each in zip(LABELS[::2], odds) if each > least"
        joined = f"{f'{SIGN} '!r}.join(sorted({given})) or {NONE!r}"
        return f"(lambda odds: (lambda least: {joined})({least}))({odds})"

    @property
    def told(self) -> str:
        return (
            f"An answer is a set of labels, of {', '.join(self.labels)}, and may be empty ({NONE}). Of each "
            "label it is asked whether it applies, yes or no."
        )

    def shown(self, target: str) -> str:
        given = set(_read(target))
        return "\n".join(_line(label, given=label in given) for label in self.labels)

    def strata(self, rows: Sequence[Example]) -> Callable[[Example], str]:
        """By the rarest of a row's labels; what has few texts goes with what has most."""
        often = Counter(label for row in rows for label in _read(row.target))

        def rarest(row: Example) -> str:
            return min(_read(row.target), key=lambda label: (often[label], label), default=NONE)

        texts = Counter(stratum for stratum, _ in {(rarest(row), _letters(row.text)) for row in rows})
        largest = max(texts, key=lambda stratum: (texts[stratum], stratum), default=NONE)
        return lambda row: stratum if texts[stratum := rarest(row)] >= FEWEST_TEXTS else largest

    @property
    def instructions(self) -> Sequence[str]:
        named = ", ".join(self.labels)
        lines = "\n".join(f"- {label}" for label in self.labels)
        return [
            f"Which of these apply: {named}?",
            "Label the text.",
            "What is the text about?",
            f"Say of each of these whether it applies to the text, yes or no: {named}.",
            f"Tag the text with all that fit, which may be none, of the following: {named}.",
            f"The possible labels are:\n{lines}\nSay yes to those that the text calls for, no to all others.",
            f"Go through the text sentence by sentence and note which of these come up: {named}.",
            f"You are an expert who has tagged thousands of such texts. Check this one for: {named}.",
            f"Say no to every label that the text does not mention. The labels: {named}.",
            "Go with your first impression of each label.",
            "Read every word of the text before you decide on its labels.",
        ]

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer labels: use --grading strict.")

    def answers(self, text: str, question: str) -> Sequence[str]:
        span = answer_span(text)
        if ticks := ticks_in(span, self._words):
            return self._ticked(ticks)
        said = self._words.said_in(span)
        if NONE in said and len(said) > 1:
            return said
        if hedged := self._hedged(span):
            return hedged
        denied_all = not said and set(self._words.named_in(span)) >= set(self.labels)
        return [_written(label for label in said if label != NONE)] if said or denied_all else []

    def is_answer(self, text: str, question: str) -> bool:
        rest = FILLING.sub("", self._words.pattern.sub("", answer_span(text)))
        return len(self.answers(text, question)) == 1 and re.search(r"\w", rest) is None

    def awaits_end(self, text: str) -> bool:
        """Any label may still come."""
        return True

    def worth(self, answer: str, example: Example) -> float:
        """The F1 of the two sets; two empty ones are the same."""
        said, right = set(_read(answer)), set(_read(example.target))
        return 2 * len(said & right) / (len(said) + len(right)) if said or right else 1.0

    @cached_property
    def _words(self) -> Words:
        return of_labels((*self.labels, NONE))

    def _ticked(self, ticks: Sequence[tuple[str, bool]]) -> Sequence[str]:
        """Lines that contradict one another, and those that deny some labels and give none, say nothing."""
        given, denied = ({label for label, yes in ticks if yes is which} for which in (True, False))
        clear = not given & denied and (given or denied >= set(self.labels)) and NONE not in given
        return [_written(given)] if clear else []

    def _hedged(self, span: str) -> Sequence[str]:
        """Two labels with an "or" between them."""
        for one, other in pairwise(self._words.pattern.finditer(span)):
            if HEDGE.fullmatch(span[one.end() : other.start()]):
                return [one.group(), other.group()]
        return []

    def _joins(self, label: str) -> bool:
        return any(len(set(map(str.strip, label.split(sign))) & set(self.labels)) > 1 for sign in ",|/#+&")


def _names(text: str, separator: str | None) -> Sequence[str]:
    """Raises ValueError for lists of anything else."""
    names = _listed(text)
    if names is None and LIST.match(text):
        raise ValueError('a list that cannot be read. Write it as JSON does, ["one", "two"]')
    if names is None:
        return text.split(separator) if separator else [text]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("a list that holds more than texts. Name the field that has the labels")
    return [str(name) for name in names]


def _listed(text: str) -> list[object] | None:
    """A list, also within an object as Label Studio's CSV has it; None where there is none."""
    if text[0] != "{":
        return list_in(text)
    try:
        found = json.loads(text, parse_float=str, parse_int=str).get("choices")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _log_odds(log_probs: Sequence[float]) -> list[float]:
    return [yes - no for yes, no in zip(log_probs[::2], log_probs[1::2], strict=True)]


def _biases(thresholds: Iterable[float]) -> tuple[float, ...]:
    """Those that put each threshold of the log-odds at 0."""
    return tuple(bias for threshold in thresholds for bias in (-threshold, 0.0))


def _threshold(values: Sequence[float], count: int) -> float:
    """Halfway between the values that so many are the largest of, and the next; 1 beyond all, if need be."""
    ordered = sorted(values, reverse=True)
    padded = [ordered[0] + 2, *ordered, ordered[-1] - 2]
    return (padded[count] + padded[count + 1]) / 2


def _written(labels: Iterable[str]) -> str:
    return f"{SIGN} ".join(sorted(set(labels))) or NONE


def _read(written: str) -> list[str]:
    return [] if written == NONE else written.split(f"{SIGN} ")


def _line(label: str, *, given: bool) -> str:
    return f"{label}: {'yes' if given else 'no'}"


def _letters(text: str) -> str:
    """The same for texts that differ in nothing else."""
    return re.sub(r"\W+", "", text).casefold()
