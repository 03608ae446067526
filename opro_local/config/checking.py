"""What users give, checked against the settings of this room: values by name, and TOML files."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from opro_local.config.settings import Settings
from opro_local.errors import SettingsError

M = TypeVar("M", bound=Settings)

Tables: TypeAlias = dict[str, Any]
"""Values by name and tables of them, as TOML and the command line give them: not checked yet."""


def parse_settings(model: type[M], values: Mapping[str, Any], *, source: str) -> M:
    """Check values against model. Raises SettingsError naming source and the first wrong key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(_table(model, first["loc"][:-1]).model_fields))
            raise SettingsError(f"{source}: unknown key {key!r}. Known keys: {known}.") from None
        raise SettingsError(f"{source}: {key}: {first['msg'].removeprefix('Value error, ')}.") from None


def _table(model: type[Settings], path: Iterable[int | str]) -> type[Settings]:
    """The model of the table below model that path leads to."""
    for name in path:
        inner = model.model_fields[str(name)].annotation
        if isinstance(inner, type) and issubclass(inner, Settings):
            model = inner
    return model


def read_toml(path: Path) -> Tables:
    """The tables of a TOML file. Raises SettingsError when it is missing or malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file.") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}.") from None
    except RecursionError:
        raise SettingsError(f"{path}: its values are nested too deep.") from None
