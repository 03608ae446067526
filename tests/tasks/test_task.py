"""A task as JSON and its fingerprint."""

from dataclasses import replace

import pytest

from opro_local.config import SplitSettings
from opro_local.errors import StoreError
from opro_local.records import Example
from opro_local.tasks.task import Task, task_from_json, task_to_json

TASK = Task(
    name="t",
    examples=(
        Example(id="1", text='a "b"\r\n\u2028é', target="None"),
        Example(id="2", text="{x}", target="007"),
    ),
    answer="label",
    labels=("None", "007"),
    description="d",
    position="A_begin",
    qa=None,
    metric="macro_f1",
    split=SplitSettings(train=0.1, validation=0.2, test=0.7),
    unlabelled=3,
    warnings=("w",),
)


def test_a_task_comes_back_from_json_exactly() -> None:
    assert task_from_json(task_to_json(TASK)) == TASK


@pytest.mark.parametrize("text", ["", "[]", "{}", task_to_json(TASK).replace("A_begin", "nowhere")])
def test_json_that_is_no_task_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="stored task cannot be read"):
        task_from_json(text)


def test_the_fingerprint_follows_content_and_not_the_files_name() -> None:
    assert TASK.fingerprint.startswith("task:sha256:")
    assert replace(TASK, name="u", warnings=(), unlabelled=0).fingerprint == TASK.fingerprint
    others = [
        replace(TASK, examples=TASK.examples[::-1]),
        replace(TASK, labels=("007", "None")),
        replace(TASK, metric="accuracy"),
        replace(TASK, qa=True),
        replace(TASK, split=SplitSettings()),
    ]
    assert len({TASK.fingerprint, *(other.fingerprint for other in others)}) == 6
