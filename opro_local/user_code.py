"""A function in a Python file of the user's (a grader, an objective): named, allowed by a flag, and pinned.

The file is code that runs with the user's rights, so nothing loads it unasked, and a run that was begun with
one file is not continued with another.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from opro_local.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFunction:
    """Where a function is; digest is the SHA-256 of its file."""

    file: str
    name: str
    digest: str


def find_function(reference: str, *, folder: Path) -> UserFunction:
    """The function that FILE.py:FUNCTION names, its file relative to folder. Raises SettingsError."""
    file, colon, name = reference.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise SettingsError(f"function {reference!r} is not of the form FILE.py:FUNCTION.")
    path = (folder / file).resolve()
    return UserFunction(file=str(path), name=name, digest=hashlib.sha256(_source(path)).hexdigest())


def check_allowed(function: UserFunction | None, *, allowed: bool) -> None:
    """Raises SettingsError for a function that the user has not allowed to run."""
    if function is not None and not allowed:
        raise SettingsError(f"the run needs code of {function.file}. Read it, then pass --allow-python.")


def load_function(function: UserFunction) -> Callable[..., object]:
    """Run the file and take the function. Raises SettingsError when it has changed or does not load."""
    path = Path(function.file)
    source = _source(path)
    if hashlib.sha256(source).hexdigest() != function.digest:
        raise SettingsError(
            f"{path} has changed since the run began; scores would be mixed. Start a new run or restore it."
        )
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise SettingsError(f"{path} cannot be loaded: {type(error).__name__}. Correct it.") from error
    found: object = getattr(module, function.name, None)
    if not callable(found):
        raise SettingsError(f"{path} has no function {function.name!r}. Name it as FILE.py:FUNCTION.")
    return found


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}). Name it as FILE.py:FUNCTION."
        ) from None
