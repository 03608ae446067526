"""A task.toml to start from: every setting with its meaning, those at their default commented out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo

from opro_local.answers import kind_names
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
        choices = kind_names() if name == "answer" else list(_choices(field.annotation))
        listed = f" One of {', '.join(map(json.dumps, choices))}." if choices else ""
        yield f"\n# {field.description}{listed}"
        # TOML knows no missing value: what stands behind the # is then an example of its type.
        shown = _example(field.annotation, choices) if value is None else value
        yield f"{'# ' if value == field.default else ''}{name} = {_toml(shown)}"


def _choices(annotation: Any) -> Iterator[str]:
    """The texts that a setting may be, also one that may be left out."""
    for allowed in get_args(annotation):
        if isinstance(allowed, str):
            yield allowed
        else:
            yield from _choices(allowed)


def _example(annotation: Any, choices: Sequence[str]) -> object:
    found = (EXAMPLES[kind] for kind in EXAMPLES if kind in get_args(annotation))
    return next(found, choices[0] if choices else "")


def _toml(value: object) -> str:
    """A scalar, a table of its own or a tuple of these; JSON's notation is TOML's, but for DEL and tables."""
    if isinstance(value, Settings):
        pairs = [f"{name} = {_toml(each)}" for name, each in value.model_dump(exclude_defaults=True).items()]
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
