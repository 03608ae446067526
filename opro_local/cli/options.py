"""The flags that name a task, shared by all commands that need one."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from opro_local.cli.flags import config_option, parameter
from opro_local.config import TaskSettings
from opro_local.tasks.sources import choose_task
from opro_local.tasks.task import Task

R = TypeVar("R")

_FLAGGED = [name for name in TaskSettings.model_fields if name != "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFlags:
    """The task flags that were given: a task file, and values of TaskSettings."""

    file: Path | None
    given: Mapping[str, Any]

    def choose(self, cwd: Path) -> tuple[Task, str]:
        """The task that is meant, and which one that is in words. Raises SettingsError and DataError."""
        return choose_task(self.given, file=self.file, cwd=cwd)


def task_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the task flags to a command, which gets them as one argument, flags: TaskFlags."""

    @functools.wraps(command)
    def with_flags(*args: Any, **kwargs: Any) -> R:
        file = kwargs.pop("task__file")
        values = {name: kwargs.pop(parameter("task", name)) for name in _FLAGGED}
        given = {name: value for name, value in values.items() if value not in (None, ())}
        return command(*args, flags=TaskFlags(file=file, given=given), **kwargs)

    optioned: Callable[..., R] = with_flags
    for name in reversed(_FLAGGED):
        optioned = config_option("task", name, TaskSettings.model_fields[name])(optioned)
    return _file_option(optioned)


_file_option = click.option(
    "--task",
    "task__file",
    type=click.Path(path_type=Path),
    envvar="OPRO_LOCAL_TASK",
    help="Task file; task.toml of the current folder, else the shipped example, if neither this nor --data.",
)
