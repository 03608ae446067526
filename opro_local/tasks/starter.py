"""A task.toml to start from: every setting with its meaning, those at their default commented out."""

import json
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic.fields import FieldInfo

from opro_local.config import Settings, SplitSettings, TaskSettings

EXAMPLES: Mapping[type, object] = {bool: True, int: 0}


def task_file(settings: TaskSettings) -> str:
    """The text of a task file that load_task_file reads back as settings."""
    lines = ["# What to optimise. With this folder as the current one: opro-local run --model smollm2-135m"]
    lines += _lines(settings, TaskSettings.model_fields)
    lines += ["", "[split]", *_lines(settings.split, SplitSettings.model_fields)]
    return "\n".join(lines) + "\n"


def _lines(settings: Settings, fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    for name, field in fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            continue
        allowed = get_args(field.annotation)
        choices = [json.dumps(each) for each in allowed if isinstance(each, str)]
        yield f"\n# {field.description}" + (f" One of {', '.join(choices)}." if choices else "")
        # TOML knows no missing value: what stands behind the # is then an example of its type.
        shown = next((EXAMPLES[kind] for kind in EXAMPLES if kind in allowed), "") if value is None else value
        yield f"{'# ' if value == field.default else ''}{name} = {_toml(shown)}"


def _toml(value: object) -> str:
    """A scalar or a tuple of strings; JSON's notation is TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
