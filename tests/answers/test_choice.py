"""One option of the question, by letter or by text."""

import pytest
from reading_aid import CHOICE, FRUIT, graded, said

BARE = "How long is it?\nA) 5 cm\nB) 6 cm\nC) 7(\u221a3 - 1)\nD) None of these"
DOTS = "Who?\nA. Ann\nB. Ben Dale\nC. Ben"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("(B)", "B"),
        ("B", "B"),
        ("b.", "B"),
        ("**(B)** an orange", "B"),
        ("an orange", "B"),
        ("It is  An Orange, of course", "B"),
        ("\uff08\uff22\uff09", "B"),  # full-width
        ("I think (maybe) it is (B)", "B"),
        ("The answer is B", "B"),
        ("The answer is B because of its peel", "B"),
        ("The answer is A. An apple", "A"),
        ("The answer is B) an apple", "B"),
        ("The answer is a pear", "C"),
        ("The answer is A pear", "C"),
        ("(D) or (E)? It is an orange", "B"),
        ("Answer: Option C", "C"),
        ("(A) is no citrus fruit. Answer: (B)", "B"),
        ("(A) grows in Kent. \\boxed{B}", "B"),
        ("It is not round.\nB\n", "B"),
        ("It must be a citrus fruit. (B) is the correct answer.", "B"),
        ("(B)\nQ: (A) or (C)?", "B"),
        ("(A) (B) (C)", "several answers"),
        ("(A) or (B)", "several answers"),
        ("an apple or an orange", "several answers"),
        ("The answer is (A) or (B)", "several answers"),
        ("A\nB\nC", "several answers"),
        ("(B) or (K)", "several answers"),  # a list of letters wins nothing where only one is an option
        ("abcde", "no answer"),
        ("I cannot decide between these", "no answer"),
        ("A fruit that is sour", "no answer"),
        ("I", "no answer"),
        ("(D)", "no answer"),  # no option of this question
        ("an apple tree is not oranges", "A"),
        ("oranges", "no answer"),
        ("", "no answer"),
    ],
)
def test_an_option_is_read_by_its_letter_or_else_by_its_text(reply: str, expected: str) -> None:
    assert said(CHOICE, reply, question=FRUIT) == expected


@pytest.mark.parametrize(
    ("question", "reply", "expected"),
    [
        (BARE, "C", "C"),
        (BARE, "6 cm", "B"),
        (BARE, "None of these.", "D"),
        (DOTS, "Ben", "C"),
        (DOTS, "ben dale", "B"),
        ("Where does the sun rise? (A) west (B) east", "East.", "B"),
        ("2 + 2? A)3 B)4 C)5", "4", "B"),
        ("Is (A) a set?\nOptions:\n(A) Yes\n(B) No", "no", "B"),
    ],
)
def test_the_ways_to_list_options_are_known(question: str, reply: str, expected: str) -> None:
    assert said(CHOICE, reply, question=question) == expected


@pytest.mark.parametrize("target", ["(B)", "B", "b", "B)", "an orange", "An  orange"])
def test_a_target_is_a_letter_or_a_text(target: str) -> None:
    assert graded(CHOICE, "(B)", target, question=FRUIT).score
    assert graded(CHOICE, "an orange", target, question=FRUIT).score
    assert not graded(CHOICE, "(C)", target, question=FRUIT).score


def test_a_question_without_options_has_no_answer() -> None:
    assert said(CHOICE, "(B)", question="Which one?") == "no answer"
