"""The flags of several workers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

import click

R = TypeVar("R")


class Count(click.ParamType[int | Literal["auto"]]):
    """A number of workers, or auto."""

    name = "N|auto"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["auto"]:
        if value == "auto":
            return "auto"
        if not str(value).isdecimal() or int(value) < 1:
            self.fail(f"{value!r} is neither a number from 1 on nor auto.", param, ctx)
        return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFlags:
    """How many workers, and the cluster they are taken from: of neither, the run is this process alone."""

    count: int | Literal["auto"] | None
    address: str | None

    @property
    def several(self) -> bool:
        """Whether they are, or may be, more than one."""
        return self.address is not None or self.count not in (None, 1)


_OPTIONS = (
    click.option(
        "--workers",
        type=Count(),
        envvar="OPRO_LOCAL_WORKERS",
        help="Processes that share the scoring, each with a GPU or its part of the cores; auto: one a GPU. "
        "More than one need Ray.",
    ),
    click.option(
        "--ray",
        metavar="HOST:PORT",
        envvar="OPRO_LOCAL_RAY",
        help="Take the workers from this Ray cluster; its nodes have opro-local and the models. Rows are "
        "sent to them.",
    ),
)


def worker_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the flags to a command, which gets them as one argument, staff: WorkerFlags."""

    @wraps(command)
    def with_flags(*args: Any, workers: int | Literal["auto"] | None, ray: str | None, **kwargs: Any) -> R:
        return command(*args, staff=WorkerFlags(count=workers, address=ray), **kwargs)

    optioned: Callable[..., R] = with_flags
    for option in reversed(_OPTIONS):
        optioned = option(optioned)
    return optioned
