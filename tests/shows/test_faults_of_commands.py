"""Whatever is wrong is one clear line and an exit code of its own; nothing is lost."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from whole_command import OPRO_LOCAL, FinishedRun, differences, environment, here, only_line, result

GOOD = "text,label\n" + "".join(f"note {i},{'ab'[i % 2]}\n" for i in range(12))
TASK = 'data = "t.csv"\ntext = "text"\nlabel = "label"\n'

FAULTS: Mapping[str, tuple[dict[str, str], int, list[str]]] = {
    "column": (
        {"t.csv": GOOD, "task.toml": TASK.replace('"label"', '"lable"')},
        3,
        ["t.csv", "lable", "label"],
    ),
    "ragged row": ({"t.csv": GOOD + "one,a,b\n", "task.toml": TASK}, 3, ["t.csv line 14"]),
    "empty file": ({"t.csv": "", "task.toml": TASK}, 3, ["t.csv"]),
    "single label": ({"t.csv": GOOD + "note 12,c\n", "task.toml": TASK}, 3, ["t.csv line 14", "'c'"]),
    "task key": ({"t.csv": GOOD, "task.toml": TASK + "colour = 1\n"}, 2, ["task.toml", "'colour'"]),
    "project key": (
        {"t.csv": GOOD, "task.toml": TASK, "opro-local.toml": "[search]\ncolour = 1\n"},
        2,
        ["opro-local.toml", "search.colour"],
    ),
}

FILL = """
mount -t tmpfs -o size="$1" none "$OPRO_LOCAL_HOME" || exit 99
cp -R "$2" "$OPRO_LOCAL_HOME"
shift 2
"$@" >"$HOME/full.out" 2>"$HOME/full.err"
echo $? >"$HOME/full.code"
mount -o remount,size=64m "$OPRO_LOCAL_HOME"
"$1" resume --json
"""
"""Runs the command $3... on a disk of size $1 that holds folder $2; then frees space and resumes."""


@pytest.mark.parametrize(("files", "code", "named"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_what_the_user_wrote_is_one_line(
    files: dict[str, str], code: int, named: list[str], tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = here("run", "--model", "smollm2-135m", home=tmp_path)
    line = only_line(done)
    assert done.returncode == code, line
    assert all(part in line for part in named), line
    assert "note" not in line  # the user's text stays where it is


@pytest.mark.slow
def test_a_full_disk_stops_a_run_that_goes_on_when_there_is_space(
    unbroken: FinishedRun, tmp_path: Path
) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a user mount a small disk (unshare -rm)")
    (tmp_path / "opro-local").mkdir()
    known = str(unbroken.home / "opro-local" / "models")  # that the model loads, which takes long to find out
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", FILL, "fill", "240k", known, OPRO_LOCAL, *unbroken.arguments],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "full.code").read_text() == "1\n"
    last = (tmp_path / "full.err").read_text().splitlines()[-1]
    assert last.startswith("opro-local: ") and "full" in last
    whole = result(unbroken.done)
    resumed = result(done)
    for part in ("status", "best", "train", "validation", "test", "baselines", "rejected", "usage"):
        assert differences(resumed[part], whole[part]) == []
