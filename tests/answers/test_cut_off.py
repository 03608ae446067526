"""A reply that was cut off at its limit: what would have followed is not known, and not guessed."""

import pytest
from reading_aid import (
    CHOICE,
    CODES,
    FRUIT,
    NUMBER,
    POLARITY,
    STAGES,
    TEXT,
    example,
    strict,
)

from opro_local.answers import AnswerKind, grader_of


def said(form: AnswerKind, reply: str, *, cut: bool) -> str | None:
    found = strict(form).grade(reply, example("-", FRUIT), cut=cut)
    return found.prediction or found.reason


@pytest.mark.parametrize(
    ("form", "reply", "whole"),
    [
        (NUMBER, "The answer is 12", "12"),  # or 120
        (NUMBER, "The answer is 12.", "12"),  # or 12.5
        (NUMBER, "Four and five is 9. Then we", "9"),
        (NUMBER, "15 + 14 = 2", "2"),
        (NUMBER, "15 + 14 = 29. So the answer is", "no answer"),
        (NUMBER, r"She has \(\boxed{1", "1"),
        (STAGES, "It is a seed", "seed"),  # or a seedling
        (POLARITY, "no", "no"),  # or nobody knows
        (CHOICE, "The answer is A", "A"),  # or Apart from
        (CHOICE, "It is an orange", "B"),
        (TEXT, "The answer is two words", "two words"),
        (CODES, "It is ABC-12", "ABC-12"),
    ],
)
def test_what_rests_on_the_last_word_or_is_still_to_come_is_no_answer(
    form: AnswerKind, reply: str, whole: str
) -> None:
    assert said(form, reply, cut=False) == whole
    assert said(form, reply, cut=True) == "cut off"


@pytest.mark.parametrize(
    ("form", "reply", "answer"),
    [
        (NUMBER, "The answer is 12 of the", "12"),
        (NUMBER, "#### 12\nAnd now", "12"),
        (NUMBER, r"It is \boxed{12}", "12"),
        (NUMBER, "9 of them.\nQ: What is 3 + 4", "9"),  # it had ended before
        (STAGES, "seed, as the founders sa", "seed"),
        (POLARITY, "yes. It is a ci", "yes"),
        (CHOICE, "(B) an oran", "B"),
        (TEXT, "two words\nand mo", "two words"),
        (CODES, "ABC-12, which is", "ABC-12"),
    ],
)
def test_an_answer_that_stands_before_the_cut_counts(form: AnswerKind, reply: str, answer: str) -> None:
    assert said(form, reply, cut=True) == answer


def test_several_answers_stay_several() -> None:
    assert said(STAGES, "seed or fintech, and th", cut=True) == "several answers"


def test_the_published_graders_do_not_mind() -> None:
    official = grader_of(NUMBER, "official")
    assert official.grade("15 + 14 = 29", example("29"), cut=True).score
