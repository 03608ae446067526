"""Options that benches share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import click

from opro_local.config import Quantize

Command = Callable[..., Any]


def of_model(command: Command) -> Command:
    """Which model is run, and how its weights are held."""
    for option in (
        click.option("--quantize", type=click.Choice(get_args(Quantize)), default="auto"),
        click.option(
            "--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local."
        ),
        click.option("--model", default="smollm2-135m", help="A stored model, or a folder."),
    ):
        command = option(command)
    return command


def of_time(quick: Mapping[str, Any]) -> Callable[[Command], Command]:
    """How long it may take; --quick gives these values to options that are left out."""

    def choose(context: click.Context, _: click.Parameter, chosen: bool) -> None:
        if chosen:
            context.default_map = {**quick}

    def decorate(command: Command) -> Command:
        for option in (
            click.option(
                "--quick",
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=choose,
                help="Minutes on a GPU: " + " ".join(map(_flag, quick.items())),
            ),
            click.option(
                "--seconds",
                type=click.FloatRange(0, min_open=True),
                help="The most that a contestant may take for a workload; a peer that takes more is cut off.",
            ),
            click.option("--repeat", type=click.IntRange(1), default=5),
        ):
            command = option(command)
        return command

    return decorate


def _flag(item: tuple[str, Any]) -> str:
    """As one would write it; the names of repeated options are plurals."""
    name, value = item
    if isinstance(value, tuple):
        return " ".join(f"--{name.removesuffix('s')} {each}" for each in value)
    return f"--no-{name}" if value is False else f"--{name.replace('_', '-')} {value:g}"
