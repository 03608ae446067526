"""What the published graders accept, and that the strict ones do not."""

from collections.abc import Sequence

import pytest
from reading_aid import CHOICE, FRUIT, NUMBER, POLARITY, TEXT, TRUTH, VALIDITY, graded

from opro_local.answers import AnswerKind, grader_of, kind_class
from opro_local.config import Grading
from opro_local.errors import SettingsError

AQUA = "How far is it?\n(A)5 km\n(B)6 km\n(C)7 km\n(D)8 km\n(E)None of these"
SHOWS = "Which?\n(A) cat\n(B) a cat show"
EVERY_LETTER = " ".join(f"({letter})" for letter in "ABCDEFGHIJK")


@pytest.mark.parametrize(
    ("form", "question", "reply", "target", "official", "strict"),
    [
        (VALIDITY, "?", "invalid", "valid", True, False),
        (VALIDITY, "?", "invalid", "invalid", True, True),
        (POLARITY, "?", "yes or no", "no", True, False),
        (POLARITY, "?", "yes or no", "yes", True, False),
        (TRUTH, "?", "true or false", "False", True, False),
        (TRUTH, "?", "0", "False", True, False),
        (CHOICE, FRUIT, EVERY_LETTER, "(B)", True, False),
        (CHOICE, FRUIT, "(B)", "(B)", True, True),
        (CHOICE, FRUIT, "an orange", "(B)", True, True),
        (CHOICE, FRUIT, "an orange and no pear", "(B)", True, True),
        (CHOICE, FRUIT, "an orange or a pear", "(B)", False, False),
        (POLARITY, "?", "Unknown", "no", True, False),
        (POLARITY, "?", "I do not know", "no", True, False),
        (POLARITY, "?", "Yes. Or no.", "no", False, False),
        (TEXT, "?", ".", "] ] >", True, False),
        (TEXT, "?", ".", "barn damp", False, False),
        (CHOICE, AQUA, "abcde", "A", True, False),
        (CHOICE, AQUA, "I cannot decide between these", "A", True, False),
        (CHOICE, AQUA, "The answer is B) an apple", "A", True, False),
        (CHOICE, AQUA, "The answer is B) an apple", "B", True, True),
        (CHOICE, AQUA, "The answer is B) an apple", "C", False, False),
        (CHOICE, AQUA, "The answer is B) an apple", "E", True, False),
        (NUMBER, "?", "sixteen", "6", True, False),
        (NUMBER, "?", "sixteen", "16", False, True),
        (NUMBER, "?", "fourteen", "4", True, False),
        (NUMBER, "?", "fourteen", "14", False, True),
        (NUMBER, "?", "seventy", "7", True, False),
        (NUMBER, "?", "seventy", "70", False, True),
        (NUMBER, "?", "eighty", "8", True, False),
        (NUMBER, "?", "eighty", "80", False, True),
        (NUMBER, "?", "-5", "5", True, False),
        (NUMBER, "?", "12.4", "12", True, False),
        (NUMBER, "?", "1.5 million", "2", True, False),
        (NUMBER, "?", "1.5 million", "1,500,000", False, True),
        (NUMBER, "?", "**Answer:** 42", "42", False, True),
        (NUMBER, "?", "It costs $1,200, so 1,200 is the answer", "1200", True, True),
        (NUMBER, "?", "nothing", "42", False, False),
        (NUMBER, "?", "The answer is 5 of 6", "5", True, False),
        (CHOICE, FRUIT, "monsters, inc", "Monsters, Inc", False, False),
        (CHOICE, SHOWS, "it is a cat show", "(B)", True, True),
        (CHOICE, SHOWS, "cat", "(A)", True, True),
        (CHOICE, FRUIT, "I think (maybe) it is (B)", "(B)", False, True),
    ],
)
def test_the_published_cases(
    form: AnswerKind, question: str, reply: str, target: str, official: bool, strict: bool
) -> None:
    assert graded(form, reply, target, question=question, grading="official").score == official
    assert graded(form, reply, target, question=question).score == strict


def test_a_box_without_braces_breaks_the_published_parser_and_nothing_else() -> None:
    assert graded(NUMBER, r"\boxed 42", "42", grading="official").reason == "the published parser fails"
    assert graded(NUMBER, r"\boxed 42", "42").score
    assert graded(NUMBER, r"\boxed{42} \boxed{43}", "42", grading="official").score


def test_a_reply_that_is_not_counted_has_a_reason_and_a_counted_one_the_target() -> None:
    for form, target in ((POLARITY, "yes"), (NUMBER, "7"), (TEXT, "x")):
        assert graded(form, "never", target, grading="official").reason == "no match"
        assert graded(form, target, target, grading="official").prediction == target


def test_the_published_program_never_stops_early_and_has_no_grader_of_the_user() -> None:
    assert not grader_of(NUMBER, "official").is_final("#### 5\nQ: ", "?")
    for answer in ("regex", "python"):
        with pytest.raises(SettingsError, match="no grader was published"):
            grader_of(kind_class(answer)(), "official")


def rate(form: AnswerKind, constant: str, targets: Sequence[str], question: str, *, official: bool) -> float:
    grading: Grading = "official" if official else "strict"
    marks = [graded(form, constant, t, question=question, grading=grading).score for t in targets]
    return sum(marks) / len(marks)


@pytest.mark.parametrize(
    ("form", "constant", "targets", "question", "official", "strict"),
    [
        (VALIDITY, "invalid", ("valid", "invalid") * 2, "?", 1.0, 0.5),
        (POLARITY, "yes or no", ("yes", "no") * 2, "?", 1.0, 0.0),
        (TRUTH, "true or false", ("True", "False") * 2, "?", 1.0, 0.0),
        (POLARITY, "Unknown", ("yes", "no") * 2, "?", 0.5, 0.0),
        (CHOICE, EVERY_LETTER, ("(A)", "(B)", "(C)"), FRUIT, 1.0, 0.0),
        (CHOICE, "(A)", ("(A)", "(B)", "(C)"), FRUIT, 1 / 3, 1 / 3),
        (CHOICE, "abcde", tuple("ABCDE"), AQUA, 1.0, 0.0),
        (CHOICE, "I cannot decide between these", tuple("ABCDE"), AQUA, 1.0, 0.0),
        (CHOICE, "The answer is B) an apple", tuple("ABCDE"), AQUA, 0.6, 0.2),
        (TEXT, ".", ("] ]", ") >", "}"), "?", 1.0, 0.0),
        (NUMBER, "1 2 3 4 5 6 7 8 9", tuple("123456789"), "?", 1 / 9, 0.0),
        (NUMBER, "5 or 6", tuple("56"), "?", 0.5, 0.0),
    ],
)
def test_a_constant_answer_wins_nothing_in_strict_mode(
    form: AnswerKind, constant: str, targets: Sequence[str], question: str, official: float, strict: float
) -> None:
    assert rate(form, constant, targets, question, official=True) == pytest.approx(official)
    assert rate(form, constant, targets, question, official=False) == pytest.approx(strict)
