"""A run that is killed goes on as if nothing had happened: the export differs in run id and times only."""

import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from recorded import recorded_outcomes
from warm_python import WarmPython
from whole_command import FinishedRun, differences, environment, here, result

pytestmark = pytest.mark.slow


def exported(home: Path) -> dict[str, Any]:
    done = here("export", "--to", "json", "--outcomes", home=home)
    return {key: value for key, value in result(done).items() if key not in ("run", "timing")}


@pytest.fixture(scope="module")
def expected(unbroken: FinishedRun) -> dict[str, Any]:
    document = exported(unbroken.home)
    assert document["status"] == "finished"
    return document


def moments(total: int, kills: int, *, seed: int) -> list[int]:
    """Random moments to kill at, ascending, as numbers of outcomes recorded by then.

    Counted in seconds, a kill would strike the imports on a slow machine and miss the run on a fast one.
    """
    return sorted(random.Random(seed).sample(range(total * 9 // 10), kills))


def kill_at(moment: int, arguments: Sequence[str], *, home: Path, warm: WarmPython) -> None:
    """Start a command and end it with SIGKILL once so many outcomes are recorded."""
    process = warm.start(arguments, variables=environment(home), folder=home)
    while process.poll() is None and recorded_outcomes(home) < moment:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the run was over before the kill"


def killed_and_resumed(
    run: FinishedRun, home: Path, *, at: Sequence[int], warm: WarmPython
) -> dict[str, Any]:
    """The export of the same run in another home, cut off at each of these moments."""
    kill_at(at[0], run.arguments, home=home, warm=warm)
    for moment in at[1:]:
        kill_at(moment, ["resume"], home=home, warm=warm)
    resumed = here("resume", "--json", home=home)
    assert result(resumed)["status"] == "finished"
    return exported(home)


def test_killed_three_times_in_a_row_first_before_anything_is_scored(
    unbroken: FinishedRun, expected: dict[str, Any], tmp_path: Path, warm: WarmPython
) -> None:
    at = [0, *moments(len(expected["outcomes"]), 2, seed=1)]
    assert differences(killed_and_resumed(unbroken, tmp_path, at=at, warm=warm), expected) == []


def test_killed_in_a_race_and_amid_the_test_rows(
    unbroken: FinishedRun, expected: dict[str, Any], tmp_path: Path, warm: WarmPython
) -> None:
    outcomes = expected["outcomes"]
    tested = sum(entry["split"] == "test" for entry in outcomes)
    assert tested > 1
    first_step = 16 * 24 + 2 * 24  # after the headroom test and the starts
    assert first_step < len(outcomes) - tested
    at = [first_step + 1, len(outcomes) - tested // 2]
    assert differences(killed_and_resumed(unbroken, tmp_path, at=at, warm=warm), expected) == []


def test_killed_while_the_replies_of_an_earlier_run_are_at_hand(
    unbroken: FinishedRun, expected: dict[str, Any], tmp_path: Path, warm: WarmPython
) -> None:
    runs = Path("opro-local", "runs")
    (tmp_path / runs).mkdir(parents=True)
    for path in (unbroken.home / runs).glob("cache.sqlite*"):
        copyfile(path, tmp_path / runs / path.name)
    at = moments(len(expected["outcomes"]), 1, seed=2)
    assert differences(killed_and_resumed(unbroken, tmp_path, at=at, warm=warm), expected) == []
