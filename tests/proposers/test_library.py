"""The shipped instructions, for every kind of task."""

from dataclasses import replace

import pytest
from mail_task import mail_task

from opro_local.proposers.library import STEP_BY_STEP, direct_instructions, headroom_instructions
from opro_local.tasks.task import Task

MAILS = mail_task()
TASKS = {
    "labels": MAILS,
    "without a description": replace(MAILS, description=""),
    "number": replace(MAILS, answer="number", labels=()),
    "text": replace(MAILS, answer="text", labels=()),
    "at the answer": replace(MAILS, position="A_begin"),
}


def same(text: str) -> str:
    return " ".join(text.casefold().split())


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_ten_to_fourteen_different_instructions_that_say_something(task: Task) -> None:
    found = direct_instructions(task)
    assert 10 <= len(found) <= 14
    assert all(text.strip() == text != "" for text in found)
    assert len({same(text) for text in found}) == len(found)


def test_labels_and_description_of_the_task_are_in_them_as_they_are() -> None:
    strange = ("{0}", "pre-seed", "A, B")
    found = direct_instructions(replace(MAILS, labels=strange))
    assert found[0] == "Which of these is it: {0}, pre-seed, A, B?"
    assert "The possible labels are:\n- {0}\n- pre-seed\n- A, B\nPick the one" in "\n\n".join(found)
    assert found[-1] == MAILS.description


def test_every_kind_of_task_has_its_own() -> None:
    kinds = [set(direct_instructions(replace(task, description=""))) for task in TASKS.values()]
    labels, plain, number, text, opening = kinds
    assert labels == plain
    assert not (labels & number or number & text or text & opening or opening & labels)


def test_where_digits_are_rejected_none_are_advised() -> None:
    assert not any(map(str.isdigit, "".join(direct_instructions(TASKS["number"]))))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_a_headroom_test_has_sixteen_with_the_empty_step_by_step_and_random_ones(task: Task) -> None:
    found = headroom_instructions(task, 0)
    direct = direct_instructions(task)
    assert len({same(text) for text in found}) == len(found) == 16
    assert found[: 2 + len(direct)] == ["", STEP_BY_STEP, *direct]
    assert len(found) - len(direct) - 2 >= 2


def test_the_random_ones_follow_the_seed_alone() -> None:
    assert headroom_instructions(MAILS, 1) == headroom_instructions(MAILS, 1)
    assert headroom_instructions(MAILS, 1)[:14] == headroom_instructions(MAILS, 2)[:14]
    assert set(headroom_instructions(MAILS, 1)[14:]).isdisjoint(headroom_instructions(MAILS, 2)[14:])


def test_no_row_is_read_for_them() -> None:
    assert headroom_instructions(replace(MAILS, examples=()), 0) == headroom_instructions(MAILS, 0)
