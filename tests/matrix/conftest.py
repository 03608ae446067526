"""One folder with the tables, and small models that are made as they are asked for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Commands, load_once, write_tables
from one_thread import one_thread
from real_engines import share_real_engines
from tried_here import try_here

from opro_local.scoring import modes

__all__ = ["one_thread"]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    folder = tmp_path_factory.mktemp("matrix")
    write_tables(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        load_once(patch)
        try_here(patch)
        patch.setattr(modes, "CUE_TOKENS", 8)  # models that know no answer write on to the end
        yield Commands(folder)


@pytest.fixture(autouse=True)
def own_cache(own_user_folders: Path) -> None:
    """Every test has a home of its own, so no cell is answered from another's cache."""
    assert os.environ["OPRO_LOCAL_HOME"].startswith(str(own_user_folders))


@pytest.fixture
def shared_real_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    share_real_engines(monkeypatch)
