"""How a field of config/ becomes a flag: its name, type, help, default and variable all follow from it."""

from collections.abc import Callable
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from opro_local.answers import kind_names

FLAGS = {
    ("models", "scorer"): "model",
    ("budget", "preset"): "budget",
    ("scoring", "mode"): "scoring",
    ("search", "starts"): "start",
    ("split", "train"): "split_train",
    ("split", "validation"): "split_validation",
    ("split", "test"): "split_test",
    ("split", "seed"): "split_seed",
}
"""Settings (group, field) whose flag has another name than their field."""
CHOICES = {("task", "answer"): kind_names}
"""Settings that are one of some names which the type does not tell."""
SHORT = {"model": "-m", "data": "-d"}

F = TypeVar("F", bound=Callable[..., Any])


class Lines(click.types.StringParamType):
    """Text of which a variable holds several values, one a line: an instruction has blanks of its own."""

    envvar_list_splitter = "\n"


class Names(click.Choice[str]):
    """A choice of which a variable holds several, one a line."""

    envvar_list_splitter = "\n"


def config_option(group: str, name: str, field: FieldInfo) -> Callable[[F], F]:
    """The option of one setting; a flag that is not given leaves None, so that defaults stay in config/."""
    flag = FLAGS.get((group, name), name)
    repeated = "  Repeat it for several." if _is_tuple(field.annotation) else ""
    shown = not field.is_required() and field.default not in (None, "", ())
    default = f"  [default: {field.default}]" if shown else ""
    names = CHOICES.get((group, name))
    return click.option(
        *_names(flag, field.annotation),
        parameter(group, name),
        type=click.Choice(names()) if names else _click_type(field.annotation),
        multiple=_is_tuple(field.annotation),
        default=None,
        envvar=f"OPRO_LOCAL_{flag.upper()}",
        help=f"{field.description}{repeated}{default}",
    )


def parameter(group: str, name: str) -> str:
    """What click calls the setting inside a command."""
    return f"{group}__{name}"


def _names(flag: str, annotation: Any) -> list[str]:
    dashed = flag.replace("_", "-")
    switch = f"/--no-{dashed}" if _without_none(annotation) is bool else ""
    return [f"--{dashed}{switch}", *([SHORT[flag]] if flag in SHORT else [])]


def _click_type(annotation: Any) -> Any:
    inner = _without_none(annotation)
    if get_origin(inner) is Literal:
        return click.Choice(get_args(inner))
    if _is_tuple(annotation):
        single = get_args(inner)[0]
        return Names(get_args(single)) if get_origin(single) is Literal else Lines()
    return {int: click.INT, float: click.FLOAT, bool: click.BOOL}.get(inner, click.STRING)


def _is_tuple(annotation: Any) -> bool:
    return get_origin(_without_none(annotation)) is tuple


def _without_none(annotation: Any) -> Any:
    if isinstance(annotation, UnionType) or get_origin(annotation) is not None:
        members = [part for part in get_args(annotation) if part is not type(None)]
        if type(None) in get_args(annotation) and len(members) == 1:
            return members[0]
    return annotation
