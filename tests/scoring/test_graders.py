from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_local.scoring.graders import (
    Graded,
    grade,
    grade_label,
    grade_number,
    grade_text,
    is_final,
    label_is_final,
    number_is_final,
    text_is_final,
)

STAGES = ("pre-seed", "seed", "Series A", "fintech")
LETTERS = ("A", "B", "C", "D", "E")
OPTIONS = ("(A)", "(B)", "(C)")


def label(reply: str, labels: tuple[str, ...] = STAGES) -> str | None:
    graded = grade_label(reply, "none of them", labels=labels)
    return graded.prediction or graded.reason


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("fintech", "fintech"),
        (" Fintech.\n", "fintech"),
        ("This start-up is in FINTECH", "fintech"),
        ("series  a", "Series A"),
        ("Series\nA", "Series A"),
        ("Pre-Seed", "pre-seed"),
        ("pre\u2011seed", "pre-seed"),  # non-breaking hyphen
        ("\uff53\uff45\uff45\uff44", "seed"),  # full-width letters
        ("seed", "seed"),
        ("post-seed", "no answer"),
        ("seeds", "no answer"),
        ("seedling", "no answer"),
        ("**seed**", "seed"),
        ("The category is **`seed`**.", "seed"),
        ("seed or fintech", "several answers"),
        ("pre-seed, not seed", "several answers"),
        ("seed, yes: seed", "seed"),
        ("seed? No. The answer is fintech", "fintech"),
        ("Answer: seed. Answer: fintech", "fintech"),
        ("**Answer:** fintech", "fintech"),
        ("#### fintech", "fintech"),
        ("The answer is:\nfintech", "fintech"),
        ("fintech\nQ: next one\nA: seed", "fintech"),
        ("Q: fintech", "no answer"),
        ("", "no answer"),
        ("I do not know", "no answer"),
        ("fintech\nseed", "several answers"),
        ("Answer: fintech\nIt is not seed.", "fintech"),
        ("fintech\n\nIt is not seed.", "fintech"),
        ("pre-seed\nseed\nfintech\n\n", "several answers"),
    ],
)
def test_a_label_is_found_as_a_whole_word(reply: str, expected: str) -> None:
    assert label(reply) == expected


def test_a_label_is_correct_only_when_it_is_the_target() -> None:
    assert grade_label("Seed", "seed", labels=STAGES) == Graded(prediction="seed", correct=True)
    assert grade_label("Seed", "fintech", labels=STAGES) == Graded(prediction="seed", correct=False)
    assert grade_label("?", "seed", labels=STAGES) == Graded(reason="no answer")


@pytest.mark.parametrize(
    ("reply", "labels", "expected"),
    [
        ("invalid", ("valid", "invalid"), "invalid"),
        ("yes or no", ("yes", "no"), "several answers"),
        ("true or false", ("True", "False"), "several answers"),
        ("Unknown", ("Yes", "No"), "no answer"),
        ("I do not know", ("Yes", "No"), "no answer"),
        ("(A) (B) (C)", OPTIONS, "several answers"),
        ("(A)\n(B)\n(C)\n\n", OPTIONS, "several answers"),
        ("abcde", LETTERS, "no answer"),
        ("I cannot decide between these", LETTERS, "no answer"),
        ("The answer is B) an apple", LETTERS, "B"),
        ("The answer is B) a pear", LETTERS, "B"),
        ("I think (maybe) it is (B)", OPTIONS, "(B)"),
        ("I think (maybe) it is (B)", LETTERS, "B"),
        ("007", ("007", "7"), "007"),
        ("None", ("None", "NA"), "None"),
        ("us", ("US", "us"), "us"),
        ("C++", ("C", "C++"), "C++"),
        ("snake_case_label", ("case", "snake_case_label"), "snake_case_label"),
    ],
)
def test_known_ways_to_fool_a_grader_do_not(reply: str, labels: tuple[str, ...], expected: str) -> None:
    assert label(reply, labels) == expected


@pytest.mark.parametrize(
    ("reply", "target", "correct"),
    [
        ("42", "42", True),
        ("42.0", "42", True),
        ("-5", "5", False),
        ("-5", "-5", True),
        ("\u22125", "-5", True),  # minus sign
        ("12.4", "12", False),
        ("12.4.", "12.4", True),
        (".5", "0.5", True),
        ("1,234,567", "1234567", True),
        ("1,2,3", "3", True),
        ("1,2345", "2345", True),
        ("$1,234.50", "1234.5", True),
        ("-$5", "-5", True),
        ("$-5", "-5", True),
        ("€ 7", "7", True),
        ("50%", "50", True),
        ("50", "50%", True),
        ("3/4", "0.75", True),
        ("3/4", "4", False),
        ("1.5 million", "1500000", True),
        ("1.5 million", "2", False),
        ("10-5=5", "5", True),
        ("10-5", "-5", False),
        ("- 5", "5", True),  # a list item
        ("x5", "5", False),
        ("sixteen", "6", False),
        ("3 + 4 = 7", "7", True),
        ("**Answer:** 42", "42", True),
        ("The answer is 42, I think", "42", True),
        ("12 apples. The answer is 5 apples", "5", True),
        ("#### 18\nQ: What is 2+2?\nA: 4", "18", True),
        ("18\nQ: What is 2+2?\nA: 4", "18", True),
        ("Answer: 18\nThere are 7 days.", "18", True),
        ("It is 18\nThere are 7 days.", "18", False),
        (r"\boxed{42}", "42", True),
    ],
)
def test_numbers_are_compared_by_value(reply: str, target: str, correct: bool) -> None:
    assert grade_number(reply, target).correct is correct


@pytest.mark.parametrize("reply", ["", "none", r"\boxed", "five", "1/0", "Q: 5"])
def test_a_reply_without_a_number_is_no_answer(reply: str) -> None:
    assert grade_number(reply, "5") == Graded(reason="no answer")


@pytest.mark.parametrize(
    ("reply", "target", "correct"),
    [
        ("} ] )", "} ] )", True),
        ("\n  } ]  )  \nmore", "} ] )", True),
        ("\uff58", "x", True),
        (".", "} ] )", False),
        ("} ]", "} ] )", False),
        ("X", "x", False),
    ],
)
def test_text_is_compared_as_a_whole_line(reply: str, target: str, correct: bool) -> None:
    assert grade_text(reply, target).correct is correct


@pytest.mark.parametrize("reply", ["", " \n ", "Q: next"])
def test_a_reply_without_a_line_is_no_answer(reply: str) -> None:
    assert grade_text(reply, "x") == Graded(reason="no answer")


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("fintech", False),
        ("fintech\n", False),
        ("fintech\n\n", True),
        ("Answer: fintech", False),
        ("Answer: fintech.\n", True),
        ("The answer is\n", False),
        ("The answer is\nfintech\n\n", True),
        ("The answer is fintech, not seed\n", False),
        ("who knows\n\n", False),
        ("\n\n", False),
        ("fintech\nQ:", True),
    ],
)
def test_a_label_is_final_when_its_line_can_change_no_more(text: str, final: bool) -> None:
    assert label_is_final(text, STAGES) is final


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("1", False),
        ("1\n", False),
        ("#### 1", False),
        ("#### 12\n", True),
        ("The answer is $1,200.\n", True),
        ("The answer is 3 times 4\n", False),
        ("12\nQ: ", True),
    ],
)
def test_a_number_is_final_when_its_line_can_change_no_more(text: str, final: bool) -> None:
    assert number_is_final(text) is final


def test_a_text_is_final_when_its_line_is_finished() -> None:
    assert not text_is_final("\nabc")
    assert text_is_final("\nabc\n")


PIECES = st.lists(
    st.sampled_from(
        [
            "fintech",
            "seed",
            "Answer:",
            "answer is",
            "####",
            "Q:",
            "12",
            "-",
            ",",
            ".",
            " ",
            "\n",
            "\n\n",
            "*",
            "x",
        ]
    ),
    max_size=7,
).map("".join)


@pytest.mark.parametrize("answer", ["label", "number", "text"])
@settings(deadline=None)
@given(text=PIECES, more=PIECES)
def test_what_is_final_is_not_changed_by_any_further_text(answer: str, text: str, more: str) -> None:
    form = SimpleNamespace(answer=answer, labels=STAGES)
    if is_final(form, text):
        assert grade(form, text + more, "12") == grade(form, text, "12")
        assert is_final(form, text + more)


def test_the_answer_type_chooses_the_grader() -> None:
    for answer, reply, target in [("label", "Seed", "seed"), ("number", "7.0", "7"), ("text", "a  b", "a b")]:
        assert grade(SimpleNamespace(answer=answer, labels=STAGES), reply, target).correct
    assert not grade(SimpleNamespace(answer="text", labels=STAGES), "Seed", "seed").correct
