"""config show: which setting holds, and where it comes from."""

from typing import Any

import click

from opro_local.cli.output import emit_json, json_option, say
from opro_local.cli.settings import GROUPS, layered, setting_options


@click.group("config")
def config() -> None:
    """Look at the settings."""


@config.command("show")
@setting_options(*GROUPS)
@json_option
@click.pass_context
def show(ctx: click.Context, /, as_json: bool, **_: Any) -> None:
    """Print all settings of models, search, scoring and budget, each with its origin.

    That is a flag, the environment, a file or the default. A task's own stand in its task.toml.
    """
    settings = layered(ctx)
    if as_json:
        emit_json({f"{s.group}.{s.name}": {"value": s.value, "origin": s.origin} for s in settings})
        return
    for setting in settings:
        say(f"{setting.group}.{setting.name} = {setting.value}  ({setting.origin})")
