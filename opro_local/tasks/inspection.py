"""What one should know of a task before spending time on it."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opro_local.config import DecimalSign
from opro_local.records import Example
from opro_local.tasks.split import Split, split_examples
from opro_local.tasks.task import Task
from opro_local.tasks.twins import twin_key
from opro_local.wording import listed, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Of the texts, in one unit."""

    shortest: int
    median: float
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """decimal: the sign of numbers, if answers are some. labels: rows of each, in the task's order; or empty.

    unnamed: rows with none of the labels, where answers are sets. answers: what they are like, in words, if
    there are no labels. parts: what is known of each part of an answer, if answers have parts.

    repeated: rows whose text and target stood before. alike: different texts that are equal but for case,
    blanks or closing punctuation, so that one may give the other away; disagreeing: those with different
    targets.
    """

    rows: int
    decimal: DecimalSign | None
    unlabelled: int
    labels: Mapping[str, int]
    unnamed: int | None
    answers: str | None
    parts: Mapping[str, str]
    repeated: int
    alike: int
    disagreeing: int
    characters: Lengths
    words: Lengths
    tokens: Lengths | None
    split: Mapping[str, int]


def inspect_task(task: Task, *, seed: int, count_tokens: Callable[[str], int] | None = None) -> DataReport:
    """Count what the table holds and how a run would split it; tokens only if they can be counted."""
    texts = [example.text for example in task.rows]
    groups = _alike(task.rows)
    split = split_examples(
        task.examples, task.split, seed, stratum=task.kind.strata(task.rows), test=task.test
    )
    found = Counter(label for example in task.rows for label in task.kind.named(example.target))
    return DataReport(
        rows=len(texts),
        decimal=task.decimal,
        unlabelled=task.unlabelled,
        labels={label: found[label] for label in task.kind.labels},
        answers=None if task.kind.labels else task.kind.described(task.rows),
        parts=task.kind.found(task.rows),
        unnamed=sum(not task.kind.named(row.target) for row in task.rows) if task.kind.members else None,
        repeated=len(texts) - len(set(texts)),
        alike=sum(len(group) for group in groups),
        disagreeing=sum(len(group) for group in groups if len(set(group.values())) > 1),
        characters=_lengths([len(text) for text in texts]),
        words=_lengths([len(text.split()) for text in texts]),
        tokens=_lengths([count_tokens(text) for text in texts]) if count_tokens else None,
        split={"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
        | ({"must_stay": len(task.must_stay)} if task.must_stay else {}),
    )


RARE = {
    "validation": "no row of validation has the label {}: it does not count in which prompt wins.",
    "test": "no row of test has the label {}: it is not measured.",
    "pool": "no row of the pool of shots has the label {}: no example shows it.",
}


def rare_labels(task: Task, split: Split) -> list[str]:
    """What the user should know of labels that are too rare to reach a part of the split."""
    told = []
    for part, words in RARE.items():
        there = {label for row in getattr(split, part) for label in task.kind.named(row.target)}
        missing = [quoted(label) for label in task.kind.labels if label not in there]
        if there and missing:
            told.append(words.format(listed(missing)))
    return told


def _alike(examples: Sequence[Example]) -> list[dict[str, str]]:
    """Groups of different texts (text -> target) that say the same."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for example in examples:
        groups[twin_key(example.text)][example.text] = example.target
    return [group for group in groups.values() if len(group) > 1]


def _lengths(values: Sequence[int]) -> Lengths:
    return Lengths(shortest=min(values), median=statistics.median(values), longest=max(values))
