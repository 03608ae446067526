"""Strict graders: what a generated reply answers, or the reason why it answers nothing.

A reply ends where the model starts a new question of its own ("Q:" at the head of a line), or with a finished
line of an answer marker and an answer and nothing else, or (labels) with a first paragraph that is nothing
but a label. Of what stands before its end, the part after the last answer marker counts. An answer counts as
a whole, never as part of a word or number: constant, hedged or endless answers win nothing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from opro_local.config import AnswerType
from opro_local.tasks.notation import NUMBER, match_value, normalised, number_value


class AnswerForm(Protocol):
    """The part of a task that says what an answer is."""

    @property
    def answer(self) -> AnswerType: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """prediction is None exactly when reason says why."""

    prediction: str | None = None
    correct: bool = False
    reason: str | None = None


NO_ANSWER = Graded(reason="no answer")
SEVERAL_ANSWERS = Graded(reason="several answers")

MARKER = re.compile(r"####|\banswer is\b:?|\banswer:", re.IGNORECASE)


def grade(form: AnswerForm, reply: str, target: str) -> Graded:
    """Read the reply as the task's answer type has it."""
    if form.answer == "label":
        return grade_label(reply, target, labels=form.labels)
    return grade_number(reply, target) if form.answer == "number" else grade_text(reply, target)


def is_final(form: AnswerForm, text: str) -> bool:
    """Whether no further text can change the grade, so that generation may stop."""
    if form.answer == "label":
        return label_is_final(text, form.labels)
    return number_is_final(text) if form.answer == "number" else text_is_final(text)


def grade_label(reply: str, target: str, *, labels: Sequence[str]) -> Graded:
    """Exactly one label, as a whole word, in the answer."""
    text, _ = _reply(reply, partial(_is_label, labels=labels))
    found = list(dict.fromkeys(_labels_in(_answer(text), labels)))
    if len(found) != 1:
        return SEVERAL_ANSWERS if found else NO_ANSWER
    return Graded(prediction=found[0], correct=found[0] == target)


def label_is_final(text: str, labels: Sequence[str]) -> bool:
    return _reply(text, partial(_is_label, labels=labels))[1]


def grade_number(reply: str, target: str) -> Graded:
    """The last number of the answer, compared by value."""
    text, _ = _reply(reply, _is_marked_number)
    numbers = list(NUMBER.finditer(_answer(text)))
    value = match_value(numbers[-1]) if numbers else None
    if value is None:
        return NO_ANSWER
    return Graded(prediction=numbers[-1].group().strip(), correct=value == number_value(target))


def number_is_final(text: str) -> bool:
    return _reply(text, _is_marked_number)[1]


def grade_text(reply: str, target: str) -> Graded:
    """The first line of the reply, equal to the target but for spacing and Unicode form."""
    line = _first_line(reply)
    if not line:
        return NO_ANSWER
    return Graded(prediction=line, correct=line == _spaced(target))


def text_is_final(text: str) -> bool:
    return "\n" in text.lstrip()


def _first_line(reply: str) -> str:
    line = _spaced(reply.strip().partition("\n")[0])
    return "" if line.startswith("Q:") else line


def _reply(text: str, is_answer: Callable[[str], bool]) -> tuple[str, bool]:
    """The part of the text that counts, normalised, and whether it has come to its end."""
    counted = ""
    for line in text.splitlines(keepends=True):
        plain = normalised(line)
        if plain.lstrip().startswith("Q:"):
            return counted, True
        counted += plain
        if line.endswith("\n") and is_answer(_block(plain, counted)):
            return counted, True
    return counted, False


def _block(line: str, so_far: str) -> str:
    """What may hold the whole answer now that the line is finished: it, or everything before a blank line.

    An unmarked line alone may be the first of a list.
    """
    if MARKER.search(line):
        return line
    return "" if line.strip() else so_far


def _answer(text: str) -> str:
    """What follows the last answer marker, or all of it."""
    return MARKER.split(text)[-1]


def _spaced(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _is_label(text: str, labels: Sequence[str]) -> bool:
    """Whether the text is one label and nothing else, its marker and punctuation aside."""
    answer = _answer(text).strip()
    pattern, _ = _label_pattern(labels)
    found = [match.group() for match in pattern.finditer(answer)]
    return len(found) == 1 and re.search(r"\w", answer.replace(found[0], "", 1)) is None


def _labels_in(text: str, labels: Sequence[str]) -> Iterator[str]:
    pattern, groups = _label_pattern(labels)
    for match in pattern.finditer(text):
        yield groups[match.lastgroup or ""]


def _label_pattern(labels: Sequence[str]) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Any label as a whole word, of two that begin alike the longer one; and the label of each named group.

    Case does not count, except for single letters ("a" is a word) and labels that differ in nothing else.
    """
    plain = {label: " ".join(normalised(label).split()) for label in labels}
    often = Counter(text.casefold() for text in plain.values())
    groups = {f"label_{i}": label for i, label in enumerate(sorted(plain, key=lambda x: -len(plain[x])))}
    choices = []
    for group, label in groups.items():
        text = plain[label]
        flag = "" if len(text) == 1 or often[text.casefold()] > 1 else "i"
        words = r"\s+".join(map(re.escape, text.split()))
        choices.append(f"(?P<{group}>(?{flag}:{words}))")
    return re.compile(rf"(?<![\w-])(?:{'|'.join(choices)})(?![\w-])"), groups


def _is_marked_number(line: str) -> bool:
    """Whether the line is an answer marker with one number and nothing else."""
    return MARKER.search(line) is not None and number_value(_answer(line).strip(" \t\r\n:.=")) is not None
