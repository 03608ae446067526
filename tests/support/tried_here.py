"""Folders are tried in this process, where torch is imported, and not in a child that imports it for seconds.

That child, with its bounds of time and memory, is tested in tests/catalogue and tests/engine.
"""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from opro_local.catalogue import conversion
from opro_local.errors import ModelError


def try_here(patch: pytest.MonkeyPatch) -> None:
    """Let the child's work be done here, GGUF files in a fork: its limit of memory cannot be undone."""
    patch.setattr(conversion, "_failure", _failure)


def _failure(work: str, source: Path, *more: Path) -> str | None:
    return _forked(work, source, *more) if work == "gguf" else _done_here(work, source, *more)


def _done_here(work: str, source: Path, *more: Path) -> str | None:
    from opro_local.engine.importing import main

    try:
        with redirect_stderr(io.StringIO()):  # where the child leaves its last words
            main(work, source, *more)
    except ModelError as error:
        return str(error)
    return None


def _forked(work: str, source: Path, *more: Path) -> str | None:
    import opro_local.engine.importing  # noqa: F401  (once, not in every fork)

    reads, writes = os.pipe()
    if (pid := os.fork()) == 0:
        reason = "it crashed"
        try:
            with redirect_stdout(io.StringIO()):  # where the child tells how far it is
                reason = _done_here(work, source, *more) or ""
        finally:
            os.write(writes, reason.encode())
            os._exit(0)
    os.close(writes)
    with open(reads, "rb") as told:  # noqa: PTH123  (a number)
        reason = told.read().decode()
    os.waitpid(pid, 0)
    return reason or None
