"""A function in a Python file of the user's (a grader, an objective): named, allowed by a flag, and pinned.

The file is code that runs with the user's rights, so nothing loads it unasked, and a run that was begun with
one file is not continued with another. What it prints goes to stderr: stdout is for results.
"""

import hashlib
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from opro_local.errors import SettingsError
from opro_local.one_thread import alone

FAULTS_OF_CODE = (NameError, AttributeError, TypeError, ImportError, SyntaxError)
"""Their messages speak of the code; those of others may hold a reply or a row."""


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
        with alone, redirect_stdout(sys.stderr):
            exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise SettingsError(
            f"{path}{_line(error, path)} cannot be loaded: {_told(error)}. Correct it."
        ) from error
    found: object = getattr(module, function.name, None)
    if not callable(found):
        raise SettingsError(f"{path} has no function {function.name!r}. Name it as FILE.py:FUNCTION.")
    return _printing_to_stderr(found)


def failure_of(function: UserFunction, error: BaseException) -> SettingsError:
    """What to raise where a user's function has raised: the exception, its file and line."""
    path = Path(function.file)
    return SettingsError(
        f"{path}{_line(error, path)}: {function.name} raised {_told(error)}. Correct it and start again."
    )


def _printing_to_stderr(function: Callable[..., object]) -> Callable[..., object]:
    @wraps(function)
    def called(*arguments: object) -> object:
        with alone, redirect_stdout(sys.stderr):
            return function(*arguments)

    return called


def _line(error: BaseException, path: Path) -> str:
    """Where in the file, as far as that is known."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f" line {error.lineno}"
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" line {lines[-1]}" if lines else ""


def _told(error: BaseException) -> str:
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, FAULTS_OF_CODE) else name


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}). Name it as FILE.py:FUNCTION."
        ) from None
