"""A task as JSON."""

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


def test_a_task_of_a_version_without_twins_keeps_its_split() -> None:
    stored = task_to_json(TASK).replace(',"twins":"together"', "")
    assert stored != task_to_json(TASK)
    assert task_from_json(stored).split.twins == "apart"


@pytest.mark.parametrize("text", ["", "[]", "{}", task_to_json(TASK).replace("A_begin", "nowhere")])
def test_json_that_is_no_task_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="stored task cannot be read"):
        task_from_json(text)
