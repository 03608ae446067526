"""Exact text, and what a pattern finds."""

import pytest
from reading_aid import CODES, TEXT, graded, said

from opro_local.answers.regex import Regex
from opro_local.reading.replies import Graded


@pytest.mark.parametrize(
    ("reply", "target", "correct"),
    [
        ("} ] )", "} ] )", True),
        ("}])", "} ] )", True),
        ("\n  } ]  )  \nmore", "} ] )", True),
        ("} ] ) .", "} ] )", True),
        ("The answer is } ] )", "} ] )", True),
        ("\uff3d", "]", True),  # full-width
        (".", "} ] )", False),
        ("", "} ] )", False),
        ("} ]", "} ] )", False),
        ("} ] ) or } )", "} ] )", False),
        ("\uff58", "x", True),
        ("X", "x", False),
        ("barn  damp\u00a0dot", "barn damp dot", True),
        ("**barn damp dot**", "barn damp dot", True),
        ("```\nbarn damp dot\n```", "barn damp dot", True),
        ("Sorted: dot barn.\nAnswer: barn damp dot.\n", "barn damp dot", True),
        ("Answer:\nbarn damp dot", "barn damp dot", True),
        (r"\boxed{barn damp dot}", "barn damp dot", True),
        ("barn damp dot emu", "barn damp dot", False),
        ("barn damp", "barn damp dot", False),
        ("barn damp dot\nQ: emu", "barn damp dot", True),
    ],
)
def test_text_is_compared_as_a_whole_line_of_the_answer(reply: str, target: str, correct: bool) -> None:
    assert graded(TEXT, reply, target).score == correct


@pytest.mark.parametrize("reply", ["", " \n ", "Q: next", "Answer:\n"])
def test_a_reply_without_a_line_is_no_answer(reply: str) -> None:
    assert graded(TEXT, reply, "x") == Graded(reason="no answer")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("ABC-12", "ABC-12"),
        ("Take **ABC-12**, I say ABC-12!", "ABC-12"),
        ("ABC-12 or ABD-13", "several answers"),
        ("ABC-12 or ABD-13? The answer is ABD-13", "ABD-13"),
        ("ABC-12. The answer is that one.", "ABC-12"),
        ("abc-12", "no answer"),
        ("Q: ABC-12", "no answer"),
        ("x" * 20_000 + " ABC-12", "no answer"),  # so far a pattern is not searched
    ],
)
def test_a_pattern_finds_one_answer(reply: str, expected: str) -> None:
    assert said(CODES, reply) == expected


def test_group_1_of_a_pattern_is_the_answer_and_may_follow_a_marker_of_its_own() -> None:
    form = Regex(pattern=r"(?:answer is|Result:) *(\w+)!")
    assert graded(form, "Result: blue!", "blue") == Graded(prediction="blue", score=1.0)
    assert graded(form, "The answer is blue!", "blue").score
    assert graded(form, "Result: blue! Result: red!", "blue") == Graded(reason="several answers")
    assert said(Regex(pattern=r"x(y)?"), "x") == "no answer"
