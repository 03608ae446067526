"""The flags that name a task, shared by all commands that need one."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from opro_local.cli.flags import config_option, parameter
from opro_local.config import SplitSettings, TaskSettings
from opro_local.config.checking import Tables
from opro_local.errors import SettingsError
from opro_local.tasks.sources import choose_task
from opro_local.tasks.task import Task
from opro_local.wording import listed

R = TypeVar("R")

_TASK = {name: field for name, field in TaskSettings.model_fields.items() if name != "split"}
_SPLIT = SplitSettings.model_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFlags:
    """The task flags that were given: a task file, and values of TaskSettings, tables within tables."""

    file: Path | None
    given: Mapping[str, Any]
    allow_python: bool = False

    def without_table(self, allowed: Iterable[str]) -> bool:
        """Whether they name no table, so that the task of a run can be taken.

        Raises SettingsError for other flags than those allowed: they would say how a table is read.
        """
        if self.file is not None or {"data", "benchmark"} & self.given.keys():
            return False
        if others := sorted(self.given.keys() - set(allowed)):
            raise SettingsError(
                f"the task of a run is measured as it was: leave out {listed(others)}, or name a table "
                "(--data, --benchmark or --task)."
            )
        return True

    def choose(self, cwd: Path) -> tuple[Task, str]:
        """The task that is meant, and which one that is in words. Raises SettingsError and DataError."""
        return choose_task(self.given, file=self.file, cwd=cwd, allow_python=self.allow_python)


def task_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the task flags to a command, which gets them as one argument, flags: TaskFlags."""
    return _file_option(table_options(command))


def table_options(command: Callable[..., R]) -> Callable[..., R]:
    """The same but for the flag of a task file."""

    @functools.wraps(command)
    def with_flags(*args: Any, **kwargs: Any) -> R:
        file, allow_python = kwargs.pop("task__file", None), kwargs.pop("allow_python")
        given = _given("task", _TASK, kwargs)
        if split := _given("split", _SPLIT, kwargs):
            given["split"] = split
        flags = TaskFlags(file=file, given=given, allow_python=allow_python)
        return command(*args, flags=flags, **kwargs)

    optioned: Callable[..., R] = with_flags
    for group, fields in (("split", _SPLIT), ("task", _TASK)):
        for name in reversed(fields):
            optioned = config_option(group, name, fields[name])(optioned)
    return allow_python_option(optioned)


def _given(group: str, names: Iterable[str], parameters: Tables) -> Tables:
    """Take the flags of a group out of the parameters; the values of those that were given."""
    values = {name: parameters.pop(parameter(group, name)) for name in names}
    return {name: value for name, value in values.items() if value not in (None, ())}


allow_python_option = click.option(
    "--allow-python",
    is_flag=True,
    help="Run a Python function of your own, which has your rights, so read it first.",
)
_file_option = click.option(
    "--task",
    "task__file",
    type=click.Path(path_type=Path),
    envvar="OPRO_LOCAL_TASK",
    help="Task file; task.toml of the current folder, else the shipped example, if neither this nor --data.",
)
