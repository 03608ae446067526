"""Folders of these tests are made up: what only the libraries can tell of them is left out.

The child that tries to load is tested by itself, in test_what_cannot_load.py and test_conversion.py.
"""

import pytest


@pytest.fixture(autouse=True)
def made_up_folders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("slow") is None:
        for place in ("adding", "pulling"):
            monkeypatch.setattr(f"opro_local.catalogue.{place}.check_loads", _nothing)


def _nothing(_folder: object, *, called: str) -> None:
    assert called
