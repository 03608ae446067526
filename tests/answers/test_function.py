"""The user's own grading function."""

from pathlib import Path

import pytest
from reading_aid import example

from opro_local.answers import grader_of
from opro_local.answers.python import Python
from opro_local.reading.replies import Graded
from opro_local.user_code import find_function

SOURCE = """
def judge(reply, target):
    if reply == "crash":
        raise RuntimeError("private")
    if reply == "exit":
        raise SystemExit
    return {"right": True, "wrong": False, "silent": None, "list": []}.get(reply, reply.upper())
"""


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("right", Graded(prediction="right", score=1.0)),
        ("wrong", Graded(prediction="wrong", score=0.0)),
        ("b  c", Graded(prediction="B  C", score=1.0)),
        ("d", Graded(prediction="D", score=0.0)),
        ("silent", Graded(reason="no answer")),
        ("list", Graded(reason="the grader failed")),
        ("crash", Graded(reason="the grader failed")),
        ("exit", Graded(reason="the grader failed")),
    ],
)
def test_what_the_function_says_is_the_grade(tmp_path: Path, reply: str, expected: Graded) -> None:
    (tmp_path / "own.py").write_text(SOURCE, encoding="utf-8")
    grader = grader_of(Python(grader=find_function("own.py:judge", folder=tmp_path)))
    assert grader.grade(reply, example("B C")) == expected
    assert not grader.is_final(reply + "\nQ:", "what?")
