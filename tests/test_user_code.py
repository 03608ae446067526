"""The user's function is found, allowed, pinned and loaded, or refused in one line."""

from dataclasses import replace
from pathlib import Path

import pytest

from opro_local.config import SplitSettings
from opro_local.errors import SettingsError
from opro_local.tasks.task import Task, task_from_json, task_to_json
from opro_local.user_code import check_allowed, find_function, load_function


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(
        "def judge(reply, target):\n    return reply == target\n", encoding="utf-8"
    )
    return tmp_path


def test_a_function_is_loaded_from_the_file_that_it_was_found_in(folder: Path) -> None:
    function = find_function("own.py:judge", folder=folder)
    assert (function.file, function.name, len(function.digest)) == (str(folder / "own.py"), "judge", 64)
    assert load_function(function)("a", "a") is True


def test_a_file_that_has_changed_is_refused(folder: Path) -> None:
    function = find_function("own.py:judge", folder=folder)
    (folder / "own.py").write_text("def judge(reply, target): return True\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="has changed since the run began"):
        load_function(function)


@pytest.mark.parametrize("reference", ["own.py", "own.py:", ":judge", "own.py:two words"])
def test_a_reference_names_a_file_and_a_function(folder: Path, reference: str) -> None:
    with pytest.raises(SettingsError, match="is not of the form FILE"):
        find_function(reference, folder=folder)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(): ...", "has no function 'judge'"),
        ("judge = 3", "has no function 'judge'"),
        ("\ndef judge(", r"own\.py line 2 cannot be loaded: SyntaxError"),
        ("import os\nraise KeyError('private')", r"own\.py line 2 cannot be loaded: KeyError\."),
        ("raise SystemExit", r"own\.py line 1 cannot be loaded: SystemExit"),
        ("import nosuch", "line 1 cannot be loaded: ModuleNotFoundError: No module named 'nosuch'"),
    ],
)
def test_a_file_that_does_not_hold_it_is_refused(folder: Path, source: str, message: str) -> None:
    (folder / "own.py").write_text(source, encoding="utf-8")
    with pytest.raises(SettingsError, match=message) as refused:
        load_function(find_function("own.py:judge", folder=folder))
    assert "private" not in str(refused.value)


def test_what_a_file_prints_goes_to_stderr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "from sys import stdout\nprint('begun')\ndef judge(reply, target):\n    print(1, file=stdout)\n"
    (folder / "own.py").write_text(source, encoding="utf-8")
    load_function(find_function("own.py:judge", folder=folder))("a", "a")
    assert capsys.readouterr() == ("", "begun\n1\n")


def test_a_missing_file_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.py: cannot be read"):
        find_function("none.py:judge", folder=folder)


def test_only_what_is_allowed_may_run(folder: Path) -> None:
    function = find_function("own.py:judge", folder=folder)
    check_allowed(None, allowed=False)
    check_allowed(function, allowed=True)
    with pytest.raises(SettingsError, match="--allow-python"):
        check_allowed(function, allowed=False)


def test_a_stored_task_holds_the_digest_of_its_grader(folder: Path) -> None:
    task = Task(
        name="t",
        examples=(),
        answer="python",
        labels=(),
        description="",
        position="Q_begin",
        qa=None,
        metric="accuracy",
        split=SplitSettings(),
        grader=find_function("own.py:judge", folder=folder),
    )
    assert task_from_json(task_to_json(task)) == task
    assert task_from_json(task_to_json(replace(task, grader=None, pattern="x"))).pattern == "x"
