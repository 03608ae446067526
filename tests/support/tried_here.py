"""Folders are tried in this process, where torch is imported, and not in a child that imports it for seconds.

That child, with its bounds of time and memory, is tested in tests/catalogue and tests/engine.
"""

import io
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from opro_local.catalogue import conversion
from opro_local.errors import ModelError

_in_a_child = conversion._failure


def try_here(patch: pytest.MonkeyPatch) -> None:
    """Let the child's work be done here, but for GGUF files: what limits their memory cannot be undone."""
    patch.setattr(conversion, "_failure", _failure)


def _failure(work: str, source: Path, *more: Path) -> str | None:
    if work == "gguf":
        return _in_a_child(work, source, *more)
    from opro_local.engine.importing import main

    try:
        with redirect_stderr(io.StringIO()):  # where the child leaves its last words
            main(work, source, *more)
    except ModelError as error:
        return str(error)
    return None
