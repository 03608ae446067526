"""A written task file says what it was written from, whatever is in it."""

import re
from pathlib import Path

import pytest

from opro_local.config import SplitSettings, TaskSettings
from opro_local.tasks.sources import load_task_file
from opro_local.tasks.starter import task_file


@pytest.mark.parametrize(
    "settings",
    [
        TaskSettings(),
        TaskSettings(
            data='C:\\rows "new".csv',
            text=("sub\tject", "body\x7f"),
            label="é",
            labels=("yes", "no\n"),
            qa=False,
            max_field=9,
            split=SplitSettings(train=0.5, validation=0.1),
        ),
    ],
)
def test_it_reads_back_as_the_same_settings(tmp_path: Path, settings: TaskSettings) -> None:
    path = tmp_path / "task.toml"
    path.write_text(task_file(settings), encoding="utf-8")
    assert load_task_file(path) == settings


def test_every_line_that_is_commented_out_can_be_taken_in(tmp_path: Path) -> None:
    path = tmp_path / "task.toml"
    path.write_text(re.sub(r"^# (\w+ = )", r"\1", task_file(TaskSettings()), flags=re.M), encoding="utf-8")
    texts = ("data", "benchmark", "label", "id", "delimiter", "sheet", "separator", "pattern", "grader")
    without_default = (*texts, "must_stay", "rubric", "judge_rows", "annotators", "qa", "metric")
    found = load_task_file(path)
    split = found.split.model_copy(update={"fold": None, "seed": None})
    blank = dict.fromkeys((*without_default, "decimal"))
    assert found.model_copy(update={**blank, "split": split}) == TaskSettings()
