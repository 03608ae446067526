"""Where the value of a setting comes from, and the settings of a run.

A flag goes before the environment (OPRO_LOCAL_ and the flag in capitals), then opro-local.toml in the current
folder, config.toml in the user's configuration folder, the default. Both files hold the same settings in
tables [models], [search], [scoring] and [budget].
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from platformdirs import user_config_path
from pydantic.fields import FieldInfo

from opro_local.cli.flags import config_option, parameter
from opro_local.config import (
    BudgetSettings,
    ModelSettings,
    RunSettings,
    ScoringSettings,
    SearchSettings,
    Settings,
)
from opro_local.config.checking import Tables, parse_settings, read_toml

GROUPS: Mapping[str, type[Settings]] = {
    "models": ModelSettings,
    "search": SearchSettings,
    "scoring": ScoringSettings,
    "budget": BudgetSettings,
}
PROJECT_FILE = "opro-local.toml"
USER_FILE = "config.toml"

Defaults = Mapping[str, Any]
NO_CHANGES: Defaults = {}
Layer = tuple[str, Tables]
"""Where tables of settings come from, and the tables."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value with the layer that it comes from."""

    group: str
    name: str
    value: Any
    origin: str


def setting_options(*names: str, defaults: Defaults = NO_CHANGES) -> Callable[[F], F]:
    """A decorator that adds options in the order of names: "search" for a whole group, "search.seed" for one.

    defaults holds by such a name what differs from the default for this command.
    A setting without an option still has the value of the files, or its default.
    """

    def add(command: F) -> F:
        for group, name, field in reversed(list(_fields(names))):
            shown = _with_default(field, defaults.get(f"{group}.{name}"))
            command = config_option(group, name, shown)(command)
        return command

    return add


def layered(
    ctx: click.Context, defaults: Defaults = NO_CHANGES, above: Sequence[Layer] = ()
) -> list[Setting]:
    """Every setting of the context's command with the value that holds and where it comes from."""
    paths = (Path(PROJECT_FILE), user_config_path("opro-local") / USER_FILE)
    files = [*above, *((str(path), _read(path)) for path in paths)]
    return [
        _resolve(ctx, group, name, _with_default(field, defaults.get(f"{group}.{name}")), files)
        for group, name, field in _fields(GROUPS)
    ]


def run_settings(
    ctx: click.Context,
    *,
    defaults: Defaults = NO_CHANGES,
    models: ModelSettings | None = None,
    above: Sequence[Layer] = (),
) -> RunSettings:
    """The settings of a run; defaults as for setting_options, models hold where no model is named.

    above are tables that go before the user's files, with their source.

    Raises SettingsError.
    """
    values: dict[str, Tables] = {group: {} for group in GROUPS}
    for setting in layered(ctx, defaults, above):
        if setting.origin != "default" or f"{setting.group}.{setting.name}" in defaults:
            values[setting.group][setting.name] = setting.value
    if "scorer" not in values["models"] and models is not None:
        values["models"] = models.model_dump(exclude={"optimizer"}) | values["models"]
    if "scorer" not in values["models"]:
        raise click.UsageError("Name a model: --model smollm2-135m (see opro-local model list).")
    return parse_settings(RunSettings, values, source="settings")


def _with_default(field: FieldInfo, default: Any) -> FieldInfo:
    """The field with another default, if one is given."""
    if default is None:
        return field
    changed = copy(field)
    changed.default = default
    return changed


def _fields(names: Iterable[str]) -> Iterator[tuple[str, str, FieldInfo]]:
    for name in names:
        group, _, single = name.partition(".")
        fields = GROUPS[group].model_fields
        for key in [single] if single else fields:
            yield group, key, fields[key]


def _resolve(ctx: click.Context, group: str, name: str, field: FieldInfo, files: Sequence[Layer]) -> Setting:
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


def _read(path: Path) -> Tables:
    """A settings file, checked; no file is an empty one. Raises SettingsError."""
    if not path.is_file():
        return {}
    tables = read_toml(path)
    models = tables.get("models", {})
    if isinstance(models, dict):
        models = {"scorer": "-", **models}  # a file need not name the model
    parse_settings(RunSettings, {**tables, "models": models}, source=str(path))
    return tables
