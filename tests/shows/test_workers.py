"""Runs with several workers: the record of one, to the last bit, whatever happens to the workers."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from whole_command import TinyModels, call, here, result, small_run

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

ACTOR = "ray::ModelHolder"


@pytest.fixture(scope="module")
def arguments(tiny: TinyModels, table: Path) -> list[str]:
    return [*small_run(tiny.chat, table), "--quantize", "fp32"]


@pytest.fixture(scope="module")
def alone(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The run of one worker, which needs no Ray."""
    home = tmp_path_factory.mktemp("alone")
    assert result(here(*arguments, "--workers", "1", home=home))["status"] == "finished"
    return exported(home)


def exported(home: Path) -> dict[str, Any]:
    """The whole record, its outcomes with all digits, without what no two runs have alike."""
    document = result(here("export", "--to", "json", "--outcomes", home=home))
    return {key: value for key, value in document.items() if key not in ("run", "timing")}


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in process.children(recursive=True) if child.name().startswith(ACTOR)]
    except psutil.NoSuchProcess:
        return []


def test_two_and_four_workers_have_the_record_of_one(
    arguments: list[str], alone: dict[str, Any], tmp_path: Path
) -> None:
    for workers in ("2", "4"):
        home = tmp_path / workers
        home.mkdir()
        done = call(*arguments, "--workers", workers, home=home)
        assert result(done)["status"] == "finished"
        assert exported(home) == alone
        assert not list((home / "opro-local" / "runs" / "ray").iterdir())  # Ray's folder is gone
