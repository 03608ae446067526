"""Flags made from config.py, and the layers behind them.

A flag goes before the environment (OPRO_LOCAL_ and the flag in capitals), then opro-local.toml in the current
folder, config.toml in the user's configuration folder, the default. Both files hold the same settings in
tables [models], [search], [scoring] and [budget].
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from click.core import ParameterSource
from platformdirs import user_config_path
from pydantic.fields import FieldInfo

from opro_local.config import (
    BudgetSettings,
    ModelSettings,
    RunSettings,
    ScoringSettings,
    SearchSettings,
    Settings,
    parse_settings,
    read_toml,
)

GROUPS: Mapping[str, type[Settings]] = {
    "models": ModelSettings,
    "search": SearchSettings,
    "scoring": ScoringSettings,
    "budget": BudgetSettings,
}
FLAGS = {"scorer": "model", "preset": "budget", "mode": "scoring", "starts": "start"}
"""Settings whose flag has another name than their field."""
SHORT = {"model": "-m"}
PROJECT_FILE = "opro-local.toml"

F = TypeVar("F", bound=Callable[..., Any])


class Lines(click.types.StringParamType):
    """Text of which a variable holds several values, one a line: an instruction has blanks of its own."""

    envvar_list_splitter = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value with the layer that it comes from."""

    group: str
    name: str
    value: Any
    origin: str


def setting_options(*groups: str) -> Callable[[F], F]:
    """A decorator that adds one option for every setting of the groups, in their order."""

    def add(command: F) -> F:
        for group, name, field in reversed(list(_fields(groups))):
            command = _option(group, name, field)(command)
        return command

    return add


def layered(ctx: click.Context) -> list[Setting]:
    """Every setting of the context's command with the value that holds and where it comes from."""
    files = [
        (str(path), _read(path))
        for path in (Path(PROJECT_FILE), user_config_path("opro-local") / "config.toml")
    ]
    return [_resolve(ctx, group, name, field, files) for group, name, field in _fields(GROUPS)]


def run_settings(ctx: click.Context) -> RunSettings:
    """The settings of a run. Raises SettingsError."""
    values: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for setting in layered(ctx):
        if setting.origin != "default":
            values[setting.group][setting.name] = setting.value
    if "scorer" not in values["models"]:
        raise click.UsageError("Name a model: --model smollm2-135m (see opro-local model list).")
    return parse_settings(RunSettings, values, source="settings")


def _fields(groups: Mapping[str, Any] | tuple[str, ...]) -> Iterator[tuple[str, str, FieldInfo]]:
    for group in groups:
        for name, field in GROUPS[group].model_fields.items():
            yield group, name, field


def _option(group: str, name: str, field: FieldInfo) -> Callable[[F], F]:
    flag = FLAGS.get(name, name)
    names = [f"--{flag.replace('_', '-')}", parameter(group, name), *([SHORT[flag]] if flag in SHORT else [])]
    default = "" if field.default is None or field.is_required() else f"  [default: {field.default}]"
    return click.option(
        *names,
        type=_click_type(field.annotation),
        multiple=_is_tuple(field.annotation),
        default=None,
        envvar=f"OPRO_LOCAL_{flag.upper()}",
        help=f"{field.description}{default}",
    )


def parameter(group: str, name: str) -> str:
    """What click calls the setting inside a command."""
    return f"{group}__{name}"


def _resolve(
    ctx: click.Context, group: str, name: str, field: FieldInfo, files: list[tuple[str, dict[str, Any]]]
) -> Setting:
    key = parameter(group, name)
    source = ctx.get_parameter_source(key)
    if source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
        origin = "flag" if source is ParameterSource.COMMANDLINE else "environment"
        return Setting(group=group, name=name, value=ctx.params[key], origin=origin)
    for path, tables in files:
        if name in tables.get(group, {}):
            return Setting(group=group, name=name, value=tables[group][name], origin=path)
    default = None if field.is_required() else field.default
    return Setting(group=group, name=name, value=default, origin="default")


def _read(path: Path) -> dict[str, Any]:
    """A settings file, checked; no file is an empty one. Raises SettingsError."""
    if not path.is_file():
        return {}
    tables = read_toml(path)
    models = tables.get("models", {})
    if isinstance(models, dict):
        models = {"scorer": "-", **models}  # a file need not name the model
    parse_settings(RunSettings, {**tables, "models": models}, source=str(path))
    return tables


def _click_type(annotation: Any) -> Any:
    inner = _without_none(annotation)
    if get_origin(inner) is Literal:
        return click.Choice(get_args(inner))
    if _is_tuple(annotation):
        return Lines()
    return {int: click.INT, float: click.FLOAT}.get(inner, click.STRING)


def _is_tuple(annotation: Any) -> bool:
    return get_origin(_without_none(annotation)) is tuple


def _without_none(annotation: Any) -> Any:
    if isinstance(annotation, UnionType) or get_origin(annotation) is not None:
        members = [part for part in get_args(annotation) if part is not type(None)]
        if type(None) in get_args(annotation) and len(members) == 1:
            return members[0]
    return annotation
