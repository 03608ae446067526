"""The document of a finished run, with what every candidate answered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mail_searches import searched

from opro_local.results.document import run_document

__all__ = ["searched"]


@pytest.fixture
def document(searched: Callable[[str], Path]) -> dict[str, Any]:
    return run_document(searched("Read twice."), outcomes=True)
