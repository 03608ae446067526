"""A model that is not there is told at once; the same command runs when its weights are there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from whole_command import TinyModels, environment, here, result, small_run

MEASURED = """
import json, sys, time
before, sockets = time.process_time(), []
sys.addaudithook(lambda event, _: event.startswith("socket.") and sockets.append(event))
from opro_local.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    seconds = time.process_time() - before
    print(json.dumps([end.code, seconds, "torch" in sys.modules, sockets]))
"""
"""Runs a command; prints its exit code, CPU seconds, whether torch was imported, and its socket calls."""


def test_missing_weights_are_one_line_within_a_second_without_torch_or_a_socket(
    table: Path, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-c", MEASURED, *small_run("mistral-7b", table)]
    done = subprocess.run(
        arguments, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    code, seconds, torch, sockets = json.loads(done.stdout)
    assert (code, torch, sockets) == (4, False, [])
    assert seconds < 2  # one on a quiet machine
    (line,) = done.stderr.splitlines()
    assert line.startswith("opro-local: No weights for mistral-7b are stored.")
    assert "opro-local model pull mistral-7b" in line
    assert "opro-local model add FOLDER_OR_GGUF --as mistral-7b" in line


@pytest.mark.slow
def test_a_folder_runs_to_the_end_in_nf4_on_the_cpu(tiny: TinyModels, table: Path, tmp_path: Path) -> None:
    arguments = [*small_run(tiny.mistral, table), "--quantize", "nf4"]
    document = result(here(*arguments, home=tmp_path))
    assert document["status"] == "finished"
    assert {model["numerics"].split("/")[1] for model in document["models"]} == {"nf4"}


@pytest.mark.slow
def test_weights_stored_in_nf4_run_under_the_name_of_the_missing_model(
    tiny: TinyModels, table: Path, tmp_path: Path
) -> None:
    added = here(
        *("model", "add", str(tiny.mistral), "--as", "mistral-7b", "--quantize", "nf4", "--json"),
        home=tmp_path,
    )
    assert result(added)["stored"]["quantize"] == "nf4"
    document = result(here(*small_run("mistral-7b", table), home=tmp_path))
    assert document["status"] == "finished"
    assert [model["name"] for model in document["models"]] == ["mistral-7b", "mistral-7b"]
    assert {model["numerics"].split("/")[1] for model in document["models"]} == {"nf4"}
