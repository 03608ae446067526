"""Labelled rows on their way from a file to a task: whether they can be used, their labels and their ids.

A row without text or target is left out and counted, never a class of its own. What would make scores
meaningless (one text with two labels, a label that is seen once, ids that repeat) is refused.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opro_local.answers import AnswerKind
from opro_local.config import Twins
from opro_local.errors import DataError
from opro_local.reading.options import option_letter, options_of
from opro_local.records import Example, LabelledRow, content_hash
from opro_local.tasks.annotators import RULES
from opro_local.tasks.twins import key_of
from opro_local.wording import counted, listed, quoted

ID_DIGITS = 16  # hexadecimal: 64 bits of the text's hash


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRows:
    """The usable rows of a task's files, and what the user should know about the rest.

    test holds the rows of a test file of their own. unlabelled rows were left out for want of a label.
    """

    lines: tuple[LabelledRow, ...]
    test: tuple[LabelledRow, ...] = ()
    unlabelled: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[LabelledRow, ...]:
        return (*self.lines, *self.test)


def conflicts_of(lines: Sequence[LabelledRow], key: Callable[[str], str] = str) -> list[str]:
    """Places of rows with the text of an earlier row and another target; texts of one key are the same."""
    first: dict[str, LabelledRow] = {}
    return [
        f"{first[key(line.text)].where} and {line.where}"
        for line in lines
        if first.setdefault(key(line.text), line).target != line.target
    ]


def check_conflicts(lines: Sequence[LabelledRow], twins: Twins) -> None:
    """Raises DataError where one text has two labels, or two texts that say the same."""
    if conflicts := conflicts_of(lines):
        raise DataError(
            f"the same text has two labels: {listed(conflicts)}. Correct or remove one of each, or, "
            f"where they are several annotators', pass {RULES}."
        )
    if conflicts := conflicts_of(lines, key_of(twins)):
        raise DataError(
            f"texts that are equal but for case, blanks or closing punctuation have two labels: "
            f"{listed(conflicts)}. Correct or remove one of each, or, where labels tell such texts apart, "
            "pass --twins apart."
        )


def check_targets(lines: Sequence[LabelledRow], kind: AnswerKind, *, published: bool) -> None:
    """Raises DataError for a target that no reply could equal; published rows may have some."""
    for line in lines:
        if told := kind.fault(line, published=published):
            raise DataError(f"{line.where}: {told}")


def without_option(lines: Iterable[LabelledRow]) -> list[LabelledRow]:
    """The rows of a multiple-choice task whose target names no option of the text."""
    return [line for line in lines if option_letter(line.target, options_of(line.text)) is None]


def examples_of(lines: Iterable[LabelledRow], kind: AnswerKind) -> tuple[Example, ...]:
    """Targets as the kind writes them, ids from the id column, else from the text alone.

    So they do not depend on the row order.
    """
    seen: dict[str, str] = {}
    copies: Counter[str] = Counter()
    examples = []
    for line in lines:
        identity = line.id
        if identity is None:
            digest = content_hash("text", line.text)[-ID_DIGITS:]
            copies[digest] += 1
            identity = digest if copies[digest] == 1 else f"{digest}-{copies[digest]}"
        elif not identity:
            raise DataError(f"{line.where}: no id. Fill it in or choose no id column.")
        if identity in seen:
            raise DataError(f"{seen[identity]} and {line.where} have the same id. Make ids unique.")
        seen[identity] = line.where
        examples.append(Example(id=identity, text=line.text, target=kind.written(line.target)))
    return tuple(examples)


def warnings_of(lines: Sequence[LabelledRow], kind: AnswerKind, twins: Twins) -> Iterable[str]:
    """What is odd about rows that can be used."""
    texts = {line.text for line in lines}
    copies, alike = len(lines) - len(texts), len(texts) - len({key_of(twins)(text) for text in texts})
    if copies:
        yield f"{counted(copies, 'row')} repeating an earlier one; equal rows stay on one side of the split."
    if alike:
        yield (
            f"{counted(alike, 'text')} equal to another but for case, blanks or closing punctuation; "
            "they stay on one side of the split."
        )
    seen = {label for line in lines for label in kind.named(line.target)}
    unseen = [quoted(label) for label in kind.labels if label not in seen]
    if unseen:
        yield f"no row has the label {listed(unseen)}."
    same: dict[str, list[str]] = defaultdict(list)
    for label in kind.labels:
        same["".join(label.casefold().split())].append(quoted(label))
    for group in same.values():
        if len(group) > 1:
            yield f"labels {listed(group)} differ only in case or blanks, and count as different."
