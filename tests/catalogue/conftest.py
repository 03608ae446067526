"""Folders of the fast tests here are made up."""

import pytest


@pytest.fixture(autouse=True)
def made_up_unless_slow(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("slow") is None:
        request.getfixturevalue("made_up_folders")
