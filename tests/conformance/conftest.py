"""The engines are built once a session; a real model is found where it is stored."""

from collections.abc import Callable
from pathlib import Path

import pytest
from engines import Engines
from one_thread import one_thread

__all__ = ["one_thread"]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory, real_model: Callable[[str], Path]) -> Engines:
    return Engines(tmp_path_factory.mktemp("engines"), real_model)
