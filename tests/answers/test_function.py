"""The user's own grading function."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from reading_aid import example

from opro_local.answers import grader_of
from opro_local.answers.python import Python
from opro_local.config import Metric
from opro_local.errors import SettingsError
from opro_local.reading.replies import Graded, Grader
from opro_local.user_code import find_function

SOURCE = """import numpy as np
from fractions import Fraction

SAID = {
    "right": True, "wrong": False, "numpy": np.bool_(True), "word": (False, "too short"),
    "half": 0.5, "one": 1, "third": np.float32(0.25), "quarter": Fraction(1, 4), "praised": (np.int64(0), ""),
    "silent": None, "text": "private", "list": ["private"], "much": 1.5, "less": -0.1, "nan": float("nan"),
    "array": np.ones(2), "pair": (True, 3), "inner": ((True, "private"), "private"),
}

def judge(reply, target):
    print("graded", reply)
    if reply == "crash":
        raise RuntimeError("private")
    if reply == "typo":
        return repl == target
    if reply == "exit":
        raise SystemExit
    if reply == "below":
        return int("private")
    return SAID[reply]
"""

Ready = Callable[[Metric], Grader]


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    (tmp_path / "own.py").write_text(SOURCE, encoding="utf-8")
    function = find_function("own.py:judge", folder=tmp_path)
    return lambda metric: grader_of(Python(grader=function, metric=metric))


@pytest.mark.parametrize("metric", ["accuracy", "mean_score"])
@pytest.mark.parametrize(
    ("reply", "score", "feedback"),
    [("right", 1.0, None), ("wrong", 0.0, None), ("numpy", 1.0, None), ("word", 0.0, "too short")],
)
def test_true_and_false_are_the_grade(
    ready: Ready, metric: Metric, reply: str, score: float, feedback: str | None
) -> None:
    grader = ready(metric)
    assert grader.grade(reply, example("B C")) == Graded(prediction=reply, score=score, feedback=feedback)
    assert not grader.is_final(reply + "\nQ:", "what?")


@pytest.mark.parametrize(
    ("reply", "score"), [("half", 0.5), ("one", 1.0), ("third", 0.25), ("quarter", 0.25), ("praised", 0.0)]
)
def test_numbers_are_scores_where_their_mean_is_the_metric_and_an_error_elsewhere(
    ready: Ready, reply: str, score: float
) -> None:
    found = ready("mean_score").grade(reply, example("x"))
    assert (found.score, type(found.score)) == (score, float)
    with pytest.raises(SettingsError, match=r"Return True or False\. To score .* --metric mean_score"):
        ready("accuracy").grade(reply, example("x"))


@pytest.mark.parametrize("metric", ["accuracy", "mean_score"])
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("silent", "returned None"),
        ("text", "returned a value of type str"),
        ("list", "returned a value of type list"),
        ("array", "returned a value of type ndarray"),
        ("pair", "returned a value of type tuple"),
        ("inner", "returned a value of type tuple"),
        ("much", "returned 1.5"),
        ("less", "returned -0.1"),
        ("nan", "returned nan"),
    ],
)
def test_whatever_else_it_says_ends_the_run(ready: Ready, metric: Metric, reply: str, told: str) -> None:
    place = r"row \w+: \S*own\.py line 11"
    with pytest.raises(SettingsError, match=rf"\A{place}: judge {re.escape(told)}\. ") as ended:
        ready(metric).grade(reply, example("x"))
    assert "private" not in str(ended.value)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("crash", "line 14: judge raised RuntimeError."),
        ("typo", "line 16: judge raised NameError: name 'repl' is not defined."),
        ("exit", "line 18: judge raised SystemExit."),
        ("below", "line 20: judge raised ValueError."),
        ("unknown", "line 21: judge raised KeyError."),
    ],
)
def test_what_it_raises_ends_the_run_with_its_line_and_no_text_of_a_row(
    ready: Ready, reply: str, told: str
) -> None:
    with pytest.raises(SettingsError) as ended:
        ready("accuracy").grade(reply, example("x"))
    assert f"own.py {told}" in str(ended.value)
    assert str(ended.value).startswith(f"row {example('x').id}: ")
    assert "private" not in str(ended.value)


def test_what_it_prints_goes_to_stderr(ready: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    ready("accuracy").grade("right", example("x"))
    assert capsys.readouterr() == ("", "graded right\n")
