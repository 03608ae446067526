"""Folders with one thing made odd load, or are refused in one line and soon; none ends in a traceback.

Here a sample is tried in this process; scripts/fuzz.py goes through all of them.
"""

from pathlib import Path
from time import monotonic

import pytest
from odd_folders import TEMPLATE, ask, odd_copy, odd_folders, slow_template
from tiny_models import save_tiny_model

from opro_local.catalogue.conversion import check_loads
from opro_local.errors import ModelError

ODD = odd_folders()
SAMPLE = [name for i, name in enumerate(ODD) if i % 8 == 0 or name.endswith(("fifo", "device", "sparse"))]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("right") / "tiny", "llama")


def test_there_are_hundreds_of_them_and_the_right_one_loads(right: Path) -> None:
    assert len(ODD) > 800
    ask(right)


@pytest.mark.parametrize("name", SAMPLE)
def test_an_odd_folder_loads_or_is_refused_in_one_line(right: Path, tmp_path: Path, name: str) -> None:
    folder = odd_copy(right, tmp_path / "tiny", ODD[name])
    begun = monotonic()
    try:
        ask(folder)
    except ModelError as error:
        assert len(str(error).splitlines()) == 1
    assert monotonic() - begun < 8


@pytest.mark.slow
def test_a_template_that_never_comes_back_is_ended_by_the_clock(right: Path, tmp_path: Path) -> None:
    def slow(folder: Path) -> None:
        (folder / TEMPLATE).write_text(slow_template(20_000))  # a minute, were it let

    folder = odd_copy(right, tmp_path / "tiny", slow)
    with pytest.raises(ModelError, match=r"^mine: its chat template takes more than 5 s of computing$"):
        check_loads(folder, called="mine")


@pytest.mark.slow
def test_a_template_that_takes_all_memory_is_refused(right: Path, tmp_path: Path) -> None:
    def wide(folder: Path) -> None:
        (folder / TEMPLATE).write_text("{{ 'a' * 2 ** 33 }}{{ messages[0].content }}")

    folder = odd_copy(right, tmp_path / "tiny", wide)
    with pytest.raises(ModelError, match=r"^mine: its chat template fails: MemoryError$"):
        check_loads(folder, called="mine")
