"""Documents of finished runs: a plain one, one with a hostile winner, one with hostile text everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mail_searches import HOSTILE, searched

from opro_local.results.document import run_document

__all__ = ["searched"]
WRITTEN = {
    *("text", "instruction", "target", "winner", "baseline", "name", "labels", "meta_prompt", "source"),
    *("stop_reason", "reason", "origin", "run", "metric", "proposer", "numerics", "description"),
}
"""Keys of a document under which people, models or files of others may have put any text."""


@pytest.fixture
def document(searched: Callable[[str], Path]) -> dict[str, Any]:
    return run_document(searched("Read twice."))


@pytest.fixture
def hostile(searched: Callable[[str], Path]) -> dict[str, Any]:
    return run_document(searched(f"Read twice. {HOSTILE}"))


@pytest.fixture
def everywhere(hostile: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = poisoned(hostile)
    return found


def poisoned(value: Any, key: str = "") -> Any:
    """The document with hostile text in rows, labels, names and whatever else is written into it."""
    if isinstance(value, dict):
        return {name: poisoned(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, key) for inner in value]
    return f"{value} {HOSTILE}" if key in WRITTEN and isinstance(value, str) else value
