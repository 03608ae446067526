"""Settings -> Task: which file the rows come from, which columns or which benchmark, and how they are asked.

What a benchmark says of itself (answer type, split, positions) holds where the settings say nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from opro_local.answers import AnswerKind, kind_class
from opro_local.config import Settings, TaskSettings
from opro_local.errors import SettingsError
from opro_local.patterns import compiled
from opro_local.tasks.benchmarks.catalogue import find_benchmark
from opro_local.tasks.graded_replies import graded_replies, notes_of
from opro_local.tasks.labelled_rows import check_targets, examples_of, warnings_of
from opro_local.tasks.must_stay import apart, must_stay_rows
from opro_local.tasks.readers import STDIN
from opro_local.tasks.table_rows import table_rows
from opro_local.tasks.task import Task
from opro_local.user_code import UserFunction, check_allowed, find_function, load_function
from opro_local.wording import counted, listed, quoted

S = TypeVar("S", bound=Settings)

OF_TABLES = (
    *("text", "label", "id", "delimiter", "sheet", "bad_rows", "annotators", "max_field", "must_stay"),
    *("label_columns", "separator", "blank"),
)
"""Settings that say nothing about the files of a benchmark."""
OF_KINDS = (
    *(field.name for field in fields(AnswerKind) if field.name != "metric"),
    *("label_columns", "separator", "judge_rows"),
)
"""Settings that only some kinds of answers take."""
TEXT_FILES = (".txt", ".md")


def load_task(settings: TaskSettings, *, folder: Path, name: str, allow_python: bool = False) -> Task:
    """Read the table or benchmark that settings name, relative to folder, and check every row.

    Raises SettingsError for options that are missing or contradict each other, and for a grader of the user's
    that allow_python does not allow; DataError for the files.
    """
    benchmark = None if settings.benchmark is None else find_benchmark(settings.benchmark)
    own_position = "position" in settings.model_fields_set
    if benchmark is not None:
        _check_benchmark_settings(settings)
        settings = overlaid(benchmark.settings, settings)
    kind = kind_class(settings.answer)
    _check_settings(settings, kind)
    grader = _user_function(settings.grader, folder, allowed=allow_python)
    path = data_path(settings, folder)
    rows = table_rows(path, settings, kind) if benchmark is None else benchmark.rows(path, settings.encoding)
    labels = kind.labels_of(rows.all, [label.strip() for label in settings.labels])
    if rows.test:
        _check_split(settings)
    task = Task(
        name=name if benchmark is None else benchmark.name,
        examples=(),
        answer=settings.answer,
        labels=labels,
        description=settings.description,
        position=settings.position,
        pretrained_position=None if benchmark is None or own_position else benchmark.pretrained_position,
        qa=settings.qa,
        metric=settings.metric or kind.metrics[0],
        split=settings.split,
        pattern=settings.pattern,
        grader=grader,
        decimal=kind.decimal_of(rows.all, settings.decimal),
        tolerance=settings.tolerance,
        fields=kind.fields_of(rows.all, settings.fields),
        rubric=_text_or_file(settings.rubric, folder),
        blank=settings.blank,
        judge_rows=graded_replies(settings, folder),
        unlabelled=rows.unlabelled,
        warnings=rows.warnings,
    )
    check_targets(rows.all, task.kind, published=benchmark is not None)
    examples = examples_of(rows.all, task.kind)
    must_stay = must_stay_rows(settings, folder, task.kind)
    parts = (examples[: len(rows.lines)], examples[len(rows.lines) :])
    left = [apart(part, must_stay, settings) for part in parts]
    task = replace(task, examples=left[0], test=left[1], must_stay=must_stay)
    told = (
        *rows.warnings,
        *_taken_out(len(examples) - sum(map(len, left))),
        *task.kind.notes(rows.all),
        *notes_of(task.judge_rows),
        *warnings_of(rows.all, task.kind, task.split.twins),
    )
    return replace(task, warnings=told)


def is_text_file(text: str) -> bool:
    """Whether a text is the name of a file that holds one."""
    return "\n" not in text.strip() and Path(text.strip()).suffix in TEXT_FILES


def _text_or_file(text: str | None, folder: Path) -> str | None:
    """Raises SettingsError for a file that is not there, or blank."""
    if text is None or not is_text_file(text):
        return text and text.strip()
    try:
        content = (folder / text.strip()).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{text}: cannot be read as a text file. Check the path.") from None
    if not content:
        raise SettingsError(f"{text} is empty. Write down what is to be graded.")
    return content


def _taken_out(count: int) -> Iterator[str]:
    if count:
        yield f"left out of train, validation and test: {counted(count, 'row')} that must stay right."


def overlaid(base: S, given: S) -> S:
    """base with the values that were set in given, key by key in tables within tables too."""
    changes = {}
    for key in given.model_fields_set:
        value = getattr(given, key)
        changes[key] = overlaid(getattr(base, key), value) if isinstance(value, Settings) else value
    return base.model_copy(update=changes)


def data_path(settings: TaskSettings, folder: Path) -> Path:
    """Where the data are; "-" stays standard input. Raises SettingsError when settings name none."""
    if settings.data is None and settings.benchmark is not None:
        raise SettingsError("no folder of the benchmark's original files is named: pass --data FOLDER.")
    if settings.data is None:
        raise SettingsError("no data file is named: pass --data FILE or write data = in task.toml.")
    return STDIN if settings.data == str(STDIN) else folder / settings.data


def _check_benchmark_settings(settings: TaskSettings) -> None:
    given = [key.replace("_", "-") for key in OF_TABLES if key in settings.model_fields_set]
    if given:
        raise SettingsError(
            f"benchmark {settings.benchmark} has files of a known form: leave out --{given[0]}."
        )


def _check_split(settings: TaskSettings) -> None:
    if "test" in settings.split.model_fields_set or settings.split.folds > 1:
        raise SettingsError(
            f"{settings.benchmark} has a test file of its own: leave out --split-test and --folds."
        )


def _check_settings(settings: TaskSettings, kind: type[AnswerKind]) -> None:
    if settings.metric is not None and settings.metric not in kind.metrics:
        raise SettingsError(
            f"metric {settings.metric} does not suit answer {settings.answer}: "
            f"use metric {' or '.join(kind.metrics)}."
        )
    for key in OF_KINDS:
        given = getattr(settings, key) not in (None, (), TaskSettings.model_fields[key].default)
        if given and key not in kind.uses:
            shown = key.replace("_", "-")
            raise SettingsError(f"answer {settings.answer} takes no {shown}: leave out one of the two.")
        if not given and key in kind.needs:
            raise SettingsError(f"answer {settings.answer} needs a {key}: pass --{key}.")
    if settings.label is not None and settings.label_columns:
        raise SettingsError("--label and --label-columns both say where labels stand: leave out one of them.")
    if settings.must_stay and "accuracy" not in kind.metrics:
        raise SettingsError("graded answers are never right or wrong: leave out --must-stay.")
    twice = [quoted(label) for label, n in Counter(map(str.strip, settings.labels)).items() if n > 1]
    if twice:
        raise SettingsError(f"labels: {listed(twice)} given twice. List each label once.")
    compiled(settings.pattern or "")


def _user_function(reference: str | None, folder: Path, *, allowed: bool) -> UserFunction | None:
    if reference is None:
        return None
    function = find_function(reference, folder=folder)
    check_allowed(function, allowed=allowed)
    load_function(function)  # what does not load is told before anything is scored
    return function
