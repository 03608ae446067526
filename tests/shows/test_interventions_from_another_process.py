"""A person's instruction from another process while a search goes on, and the same run after a kill."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from warm_python import Warm, WarmPython
from whole_command import TinyModels, differences, environment, here, result, small_run

pytestmark = pytest.mark.slow

OWN = "Take the third word."


def begun(home: Path, arguments: list[str], warm: WarmPython) -> tuple[Warm, str]:
    """A run in a process of its own, once its first step is recorded."""
    process = warm.start(arguments, variables=environment(home), folder=home)
    folder = home / "opro-local" / "runs"
    for _ in range(600):
        files = [path for path in folder.glob("*.sqlite") if path.name != "cache.sqlite"]
        if files and json.loads(here("export", str(files[0]), home=home).stdout or "{}").get("steps"):
            return process, files[0].stem
        assert process.poll() is None, process.outputs()
        time.sleep(0.1)
    raise AssertionError("the run did not begin")


def test_an_instruction_of_a_person_is_scored_and_tagged(
    tiny: TinyModels, table: Path, tmp_path: Path, warm: WarmPython
) -> None:
    arguments = [*small_run(tiny.chat, table), "--steps", "6"]
    process, run = begun(tmp_path, arguments, warm)
    asked = here("prompts", "add", run, OWN, home=tmp_path)
    assert asked.returncode == 0, asked.stderr
    assert here("prompts", "ban", run, "=", "--pattern", home=tmp_path).returncode == 0
    code = process.wait()
    out, error = process.outputs()
    assert code == 0, error
    assert "lock" not in error
    document = json.loads(out)
    human = [(s["number"], p) for s in document["steps"] for p in s["proposals"] if p["origin"] == "human"]
    ((step, proposal),) = human
    assert proposal["solution"]["instruction"] == OWN and proposal["score"] is not None
    listed = here("prompts", "list", run, home=tmp_path).stdout.splitlines()
    assert f"step {step}, block" in listed[0] and OWN in listed[0]
    later = [s for s in document["steps"] if s["number"] > step]
    assert all(
        p["solution"] is None or "=" not in p["solution"]["instruction"]
        for s in later
        for p in s["proposals"]
    )
    refused = here("prompts", "add", run, "Too late.", home=tmp_path)
    assert refused.returncode == 2 and "has stopped" in refused.stderr


def test_a_killed_run_hears_it_once(tiny: TinyModels, table: Path, tmp_path: Path, warm: WarmPython) -> None:
    arguments = [*small_run(tiny.chat, table), "--steps", "6"]
    process, run = begun(tmp_path, arguments, warm)
    assert here("prompts", "add", run, OWN, home=tmp_path).returncode == 0
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the run was over before the kill"
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "opro-local", other / "opro-local")
    half = json.loads(here("export", run, home=tmp_path).stdout)
    document, again = (result(here("resume", run, "--json", home=home)) for home in (tmp_path, other))
    origins = [p["origin"] for s in document["steps"] for p in s["proposals"]]
    assert origins.count("human") == 1
    assert document["status"] == "finished"
    closed = [step for step in half["steps"] if step["closed"]]
    assert differences(document["steps"][: len(closed)], closed) == [], "what was recorded stays"
    assert differences(again["steps"], document["steps"]) == [], "it goes on in one way only"
    heard = [here("prompts", "list", run, "--json", home=home).stdout for home in (tmp_path, other)]
    assert heard[0] == heard[1] and json.loads(heard[0])["step"] is not None
