"""A Table and the settings -> Task: which columns are the text and the target, and whether they can be used.

A row without text or target is left out and counted, never a class of its own. What would make scores
meaningless (one text with two labels, a label that is seen once, ids that repeat) is refused.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.records import Example, content_hash
from opro_local.tasks.formats import Row
from opro_local.tasks.notation import number_value
from opro_local.tasks.options import option_letter, options_of
from opro_local.tasks.readers import STDIN, Table, read_table
from opro_local.tasks.task import Task
from opro_local.tasks.user_code import UserFunction, check_allowed, find_function, load_function
from opro_local.tasks.wording import counted, listed, quoted

LABELLED = ("label", "boolean")
"""Answers that are classes."""

ID_DIGITS = 16  # hexadecimal: 64 bits of the text's hash


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A usable row, its place in the file as messages name it."""

    where: str
    text: str
    target: str
    id: str | None


@dataclass(slots=True)
class _Selection:
    """The usable rows and how many were left out for which reason."""

    lines: list[_Line] = field(default_factory=list)
    unlabelled: int = 0
    blank: int = 0


def load_task(settings: TaskSettings, *, folder: Path, name: str, allow_python: bool = False) -> Task:
    """Read the table that settings name, relative to folder, and check every row.

    Raises SettingsError for options that are missing or contradict each other, and for a grader of the user's
    that allow_python does not allow; DataError for the table.
    """
    _check_settings(settings)
    grader = _user_function(settings.grader, folder, allowed=allow_python)
    table = read_table(
        data_path(settings, folder),
        encoding=settings.encoding,
        sheet=settings.sheet,
        bad_rows=settings.bad_rows,
        max_field=settings.max_field,
    )
    selection = _select(table, settings)
    _check_conflicts(selection.lines)
    labels = _labels(selection.lines, settings) if settings.answer in LABELLED else ()
    _check_targets(selection.lines, settings)
    return Task(
        name=name,
        examples=_examples(selection.lines),
        answer=settings.answer,
        labels=labels,
        description=settings.description,
        position=settings.position,
        qa=settings.qa,
        metric=settings.metric,
        split=settings.split,
        pattern=settings.pattern,
        grader=grader,
        unlabelled=selection.unlabelled,
        warnings=tuple(_warnings(table, settings, selection, labels)),
    )


def data_path(settings: TaskSettings, folder: Path) -> Path:
    """Where the table is; "-" stays standard input. Raises SettingsError when settings name none."""
    if settings.data is None:
        raise SettingsError("no data file is named: pass --data FILE or write data = in task.toml.")
    return STDIN if settings.data == str(STDIN) else folder / settings.data


def _check_settings(settings: TaskSettings) -> None:
    if settings.answer not in LABELLED and settings.metric != "accuracy":
        raise SettingsError(
            f"metric {settings.metric} needs labels, and answer is {settings.answer}: use metric accuracy."
        )
    if settings.answer not in LABELLED and settings.labels:
        raise SettingsError(f"labels are given, and answer is {settings.answer}: remove one of the two.")
    twice = [quoted(label) for label, n in Counter(settings.labels).items() if n > 1]
    if twice:
        raise SettingsError(f"labels: {listed(twice)} given twice. List each label once.")
    for key, value, answer in (("pattern", settings.pattern, "regex"), ("grader", settings.grader, "python")):
        if (value is not None) != (settings.answer == answer):
            raise SettingsError(f"{key} = and answer {answer} go together; answer is {settings.answer}.")
    _check_pattern(settings.pattern)


def _check_pattern(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise SettingsError(f"pattern is no regular expression: {error}.") from None


def _user_function(reference: str | None, folder: Path, *, allowed: bool) -> UserFunction | None:
    if reference is None:
        return None
    function = find_function(reference, folder=folder)
    check_allowed(function, allowed=allowed)
    load_function(function)  # what does not load is told before anything is scored
    return function


def _select(table: Table, settings: TaskSettings) -> _Selection:
    if not settings.text or settings.label is None:
        raise SettingsError(
            f"which columns of {table.name} hold the text and the label? Pass --text and --label; "
            f"found {table.found}."
        )
    texts = [table.index(column) for column in settings.text]
    target = table.index(settings.label)
    id_column = None if settings.id is None else table.index(settings.id)
    selection = _Selection()
    for row in table.rows:
        if not row.fields[target].strip():
            selection.unlabelled += 1
        elif not any(row.fields[i].strip() for i in texts):
            selection.blank += 1
        else:
            line = _Line(
                where=f"{table.name} {table.unit} {row.line}",
                text=_text(row, texts, settings.text),
                target=row.fields[target],
                id=None if id_column is None else row.fields[id_column],
            )
            selection.lines.append(line)
    if not selection.lines:
        raise DataError(f"{table.name}: no row has both a text and a label. Fill in the label column.")
    return selection


def _text(row: Row, indices: Sequence[int], columns: Sequence[str]) -> str:
    """The one text column as it is; several as "column: value" lines."""
    if len(indices) == 1:
        return row.fields[indices[0]]
    return "\n".join(f"{column}: {row.fields[i]}" for i, column in zip(indices, columns, strict=True))


def _check_conflicts(lines: Sequence[_Line]) -> None:
    first: dict[str, _Line] = {}
    conflicts = [
        f"{first[line.text].where} and {line.where}"
        for line in lines
        if first.setdefault(line.text, line).target != line.target
    ]
    if conflicts:
        raise DataError(f"the same text has two labels: {listed(conflicts)}. Correct or remove one of each.")


def _labels(lines: Sequence[_Line], settings: TaskSettings) -> tuple[str, ...]:
    """The classes, each with two different texts at least: one to learn from and one to judge by."""
    texts: dict[str, set[str]] = defaultdict(set)
    where: dict[str, str] = {}
    for line in lines:
        if settings.labels and line.target not in settings.labels:
            known = listed([quoted(label) for label in settings.labels], most=20)
            raise DataError(f"{line.where}: label {quoted(line.target)} is not one of labels: {known}.")
        texts[line.target].add(line.text)
        where.setdefault(line.target, line.where)
    single = [f"{quoted(label)} ({where[label]})" for label, seen in texts.items() if len(seen) == 1]
    if single:
        raise DataError(
            f"{counted(len(single), 'label')} with one example only, copies not counted: {listed(single)}. "
            "Add rows or remove the label."
        )
    if len(texts) == 1:
        raise DataError(f"all rows have the label {quoted(lines[0].target)}: a task needs two labels.")
    labels = settings.labels or tuple(sorted(texts))
    if settings.answer == "boolean" and len(labels) != 2:
        raise DataError(f"answer boolean takes two labels, found {len(labels)}. Set answer to label.")
    return labels


def _check_targets(lines: Sequence[_Line], settings: TaskSettings) -> None:
    for line in lines:
        if settings.answer == "number" and number_value(line.target) is None:
            raise DataError(
                f"{line.where}: the label is not a number. Correct it or set answer to label or text."
            )
        if settings.answer == "choice":
            _check_choice(line)


def _check_choice(line: _Line) -> None:
    options = options_of(line.text)
    if not options:
        raise DataError(
            f"{line.where}: the text lists no options. Write them as (A) first, (B) second, one a line."
        )
    if option_letter(line.target, options) is None:
        known = ", ".join(options)
        raise DataError(f"{line.where}: the label is none of the text's options {known}. Correct it.")


def _examples(lines: Iterable[_Line]) -> tuple[Example, ...]:
    """Ids from the id column, else from the text alone, so that they do not depend on the row order."""
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
        examples.append(Example(id=identity, text=line.text, target=line.target))
    return tuple(examples)


def _warnings(
    table: Table, settings: TaskSettings, selection: _Selection, labels: Sequence[str]
) -> Iterable[str]:
    yield from table.warnings
    if labels and settings.label in table.numeric_columns:
        yield (
            f"column {quoted(settings.label)} of {table.name} holds numbers: leading zeros are already gone. "
            "Format it as text where they matter."
        )
    if selection.unlabelled:
        yield f"{counted(selection.unlabelled, 'row')} without a label left out."
    if selection.blank:
        yield f"{counted(selection.blank, 'row')} without a text left out."
    copies = len(selection.lines) - len({line.text for line in selection.lines})
    if copies:
        yield f"{counted(copies, 'row')} repeating an earlier one; equal rows stay on one side of the split."
    unseen = [quoted(label) for label in labels if label not in {line.target for line in selection.lines}]
    if unseen:
        yield f"no row has the label {listed(unseen)}."
    alike: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[" ".join(label.casefold().split())].append(quoted(label))
    for group in alike.values():
        if len(group) > 1:
            yield f"labels {listed(group)} differ only in case or blanks, and count as different."
