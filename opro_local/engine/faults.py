"""What libraries raise on a folder that they cannot load, told in one line; what they print is for stderr."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub.errors import StrictDataclassError
from jinja2 import TemplateError

from opro_local.errors import ModelError
from opro_local.one_thread import alone

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 240
_PLAIN = (ValueError, OSError, RuntimeError, ImportError, TemplateError, StrictDataclassError)
"""Errors whose words say enough without their name."""


@contextmanager
def loading(folder: Path, *, part: str = "") -> Iterator[None]:
    """Turn whatever the libraries raise on a folder, or a part of it, into a ModelError in one line."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # libraries raise anything
        raise not_loadable(folder, error, part=part) from error


@contextmanager
def printing_to_stderr() -> Iterator[None]:
    """Inside, what compiled code prints goes to stderr: standard output may be JSON.

    tokenizers 0.23 prints a line there for each key of a token that it does not know.
    """
    with alone:
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


def not_loadable(folder: Path, error: BaseException, *, part: str = "") -> ModelError:
    """The one-line error for a folder, or a part of it, that the libraries refuse; it names their cause."""
    what = f"its {part} cannot be loaded" if part else "cannot be loaded"
    return ModelError(f"{folder.name}: {what}: {cause(error)}")


def cause(error: BaseException) -> str:
    """The libraries' own words on one line, without what only makes sense beside their reports."""
    said = str(error).encode("utf-8", "backslashreplace").decode()  # half a surrogate cannot be printed
    text = " ".join(_COLOURS.sub("", said).split())
    text = re.sub(r"\s*For details look at the .*?(?:above report!|$)", "", text)
    name = type(error).__name__
    if not text:
        return name
    plain = isinstance(error, _PLAIN) or type(error) is Exception
    return (text if plain else f"{name}: {text}")[:_LONGEST]
