"""Where a task comes from: flags, task.toml, or the example that is shipped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opro_local.config import TaskSettings
from opro_local.config.checking import parse_settings, read_toml
from opro_local.tasks.loading import is_text_file, load_task, overlaid
from opro_local.tasks.readers import STDIN
from opro_local.tasks.task import Task

TASK_FILE = "task.toml"
FILES = ("data", "grader", "must_stay", "judge_rows")
"""Settings that name a file: of the folder of their task file, or of the current one where they are flags.

So does a rubric that is none itself.
"""
EXAMPLE = Path(__file__).parent / "startup_emails" / TASK_FILE


def load_task_file(path: Path) -> TaskSettings:
    """The settings in a task.toml; its data path is relative to its folder. Raises SettingsError."""
    return parse_settings(TaskSettings, read_toml(path), source=str(path))


def files_in(given: Mapping[str, Any]) -> dict[str, str]:
    """The values of settings that name a file."""
    return {
        key: value
        for key, value in given.items()
        if value is not None and (key in FILES or (key == "rubric" and is_text_file(value)))
    }


def choose_task(
    given: Mapping[str, Any], *, file: Path | None, cwd: Path, allow_python: bool = False
) -> tuple[Task, str]:
    """Load the task that the user means, and say in words which one that is.

    given holds the values of TaskSettings that were set by flags; they replace those of a task file,
    key by key in its tables too. The task file is file, else (without a data flag) task.toml of cwd, else the
    shipped example. A data flag without file stands alone. Raises SettingsError and DataError.
    """
    flags = parse_settings(TaskSettings, given, source="flags")
    base, folder, words = _base(flags, file, cwd)
    settings = overlaid(base, flags)
    named = {key: str(cwd / name) for key, name in files_in(given).items() if name != str(STDIN)}
    settings = settings.model_copy(update=named)
    name = "stdin" if settings.data == str(STDIN) else Path(settings.data or "").stem
    return load_task(settings, folder=folder, name=name, allow_python=allow_python), words


def _base(flags: TaskSettings, file: Path | None, cwd: Path) -> tuple[TaskSettings, Path, str]:
    here = cwd / TASK_FILE
    if file is not None:
        return load_task_file(cwd / file), (cwd / file).parent, str(file)
    if flags.data is not None and flags.benchmark is not None:
        return TaskSettings(), cwd, f"{flags.benchmark} in {flags.data}"
    if flags.data is not None:
        ignored = f" ({TASK_FILE} of the current folder is not used)" if here.is_file() else ""
        return TaskSettings(), cwd, ("standard input" if flags.data == str(STDIN) else flags.data) + ignored
    if here.is_file():
        return load_task_file(here), cwd, f"{TASK_FILE} of the current folder"
    if flags.benchmark is not None:
        return TaskSettings(), cwd, flags.benchmark  # loading says that its folder is missing
    return load_task_file(EXAMPLE), EXAMPLE.parent, "the shipped example; --data FILE takes your own table"
