"""Runs with several workers: the record of one, to the last bit, whatever happens to them; nothing leaks."""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from recorded import recorded_outcomes
from traced import elsewhere, following
from whole_command import (
    OPRO_LOCAL,
    ROWS,
    Done,
    TinyModels,
    call,
    environment,
    here,
    only_line,
    result,
    small_run,
)

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

ACTOR = "ray::ModelHolder"
KILLS = int(os.environ.get("WORKER_KILLS", "1"))
RAY = str(Path(sys.executable).with_name("ray"))


@pytest.fixture(scope="module")
def arguments(tiny: TinyModels, table: Path) -> list[str]:
    return [*small_run(tiny.chat, table), "--quantize", "fp32", "--threads", "1"]


@pytest.fixture(scope="module")
def home_of_one(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run of one worker, which needs no Ray, has ended."""
    home = tmp_path_factory.mktemp("alone")
    assert result(here(*arguments, "--workers", "1", home=home))["status"] == "finished"
    return home


@pytest.fixture
def home(home_of_one: Path, tmp_path: Path) -> Path:
    """A home without runs that knows that the model loads, which takes long to find out."""
    models = Path("opro-local", "models")
    copytree(home_of_one / models, tmp_path / models)
    return tmp_path


@pytest.fixture(scope="module")
def alone(home_of_one: Path) -> dict[str, Any]:
    """The record of one worker."""
    return exported(home_of_one)


def exported(home: Path) -> dict[str, Any]:
    """The whole record, its outcomes with all their digits, without what no two runs have alike."""
    document = result(here("export", "--to", "json", "--outcomes", home=home))
    for model in document["models"]:
        model.pop("checked_before", None)  # when its files were read, here or earlier
    return {key: value for key, value in document.items() if key not in ("run", "timing")}


@contextmanager
def started(
    arguments: Sequence[str],
    home: Path,
    variables: Mapping[str, str] | None = None,
    under: Sequence[str] = (),
) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, which is ended where it has not ended by itself."""
    process = subprocess.Popen(
        [*under, OPRO_LOCAL, *arguments],
        env={**environment(home), **(variables or {})},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> Done:
    out, err = process.communicate(timeout=300)
    return Done(process.args, process.returncode, out, err)


def workers_of(pid: int) -> list[psutil.Process]:
    """The actors that a command has started and that live."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [each for each in children if each.name().startswith(ACTOR[:15])]
    except psutil.NoSuchProcess:
        return []


def actors() -> list[psutil.Process]:
    """Those that live, of any cluster: these tests run one after the other."""
    return [each for each in psutil.process_iter(["name"]) if each.info["name"].startswith(ACTOR[:15])]


def wait_for_outcomes(process: subprocess.Popen[str], home: Path, more_than: int) -> int:
    """How many there are, more than so many, or the run has ended."""
    while (found := recorded_outcomes(home)) <= more_than and process.poll() is None:
        time.sleep(0.05)
    return found


def test_killed_workers_change_no_record_and_ray_keeps_no_row_and_calls_nobody(
    arguments: list[str], alone: dict[str, Any], home: Path
) -> None:
    draw, trace = random.Random(1), home / "trace"
    with (
        TemporaryDirectory(dir="/tmp") as short,  # Ray's folder is there: the home's name is too long for it
        started([*arguments, "--workers", "2"], home, {"TMPDIR": short}, under=following(trace)) as process,
    ):
        seen, killed, logs = 0, 0, b""
        while killed < KILLS and process.poll() is None:
            seen = wait_for_outcomes(process, home, seen)
            if living := workers_of(process.pid):
                assert {worker.nice() for worker in living} == {os.nice(0)}, "they yield to other work"
                # All of them at first: that one alone has died is not told before it is given a block.
                for worker in living if not killed else [draw.choice(living)]:
                    worker.kill()
                killed += 1
                logs += b"".join(_read(file) for file in Path(short).glob("*/session_2*/logs/**/*"))
        done = ended(process)
        assert not list(Path(short).iterdir()), "Ray's folder is left"
    assert result(done)["status"] == "finished"
    assert killed == KILLS
    assert "died; it is begun anew" in done.stderr
    assert exported(home) == alone
    assert logs
    assert not [text for text, _ in ROWS if text[20:].encode() in logs]
    if trace.exists():
        assert (calls := trace.read_text())
        assert elsewhere(calls) == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def cluster(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Two nodes with addresses of their own and a core each: the cluster's address, and the second node."""
    variables = {**environment(home), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    address = "127.0.0.2:6397"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.setenv(name, variables[name])
        try:
            _start_node(variables, "127.0.0.2", "--head", "--port=6397", "--include-dashboard=false")
            _start_node(variables, "127.0.0.3", f"--address={address}")
            (second,) = (
                each
                for each in psutil.process_iter()
                if "--node_ip_address=127.0.0.3" in _command(each) and "raylet" in each.name()
            )
            yield address, second
        finally:
            subprocess.run([RAY, "stop", "--force"], env=variables, capture_output=True, check=False)


def _start_node(variables: Mapping[str, str], own: str, *arguments: str) -> None:
    subprocess.run(
        [RAY, "start", f"--node-ip-address={own}", "--num-cpus=1", "--disable-usage-stats", *arguments],
        env=variables,
        capture_output=True,
        check=True,
    )


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_a_node_is_cut_off_then_the_run_is_killed_and_goes_on_with_another_number_of_workers(
    arguments: list[str], alone: dict[str, Any], cluster: tuple[str, psutil.Process], home: Path
) -> None:
    address, second = cluster
    with started([*arguments, "--ray", address], home) as process:
        seen = wait_for_outcomes(process, home, 20)
        second.kill()
        wait_for_outcomes(process, home, seen + 20)
        left = actors()
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert left, "nobody was at work on the other node"
    assert psutil.wait_procs(left, timeout=60)[1] == [], "workers outlive their run"
    assert result(here("resume", "--workers", "1", "--json", home=home))["status"] == "finished"
    assert exported(home) == alone


def test_a_wrong_address_is_told_in_a_line(arguments: list[str], home: Path) -> None:
    begun = time.monotonic()
    done = call(*arguments, "--ray", "127.0.0.1:9", home=home)
    assert done.returncode == 2
    assert "nothing answers there" in only_line(done)
    assert time.monotonic() - begun < 30  # on a busy machine; a second or two
