"""Numbers, by value."""

import pytest
from reading_aid import NUMBER, graded, said


@pytest.mark.parametrize(
    ("reply", "target", "correct"),
    [
        ("42", "42", True),
        ("42.0", "42", True),
        ("-5", "5", False),
        ("-5", "-5", True),
        ("\u22125", "-5", True),  # minus sign
        ("\u20135", "-5", True),  # en dash
        ("\uff0d\uff15", "-5", True),  # full-width
        ("5\u201310", "10", False),
        ("minus 5", "-5", True),
        ("negative five", "-5", True),
        ("10 minus 5", "5", False),
        ("12.4", "12", False),
        ("12.4.", "12.4", True),
        (".5", "0.5", True),
        ("1,234,567", "1234567", True),
        ("1,2,3", "3", False),
        ("1,2345", "2345", False),
        ("$1,234.50", "1234.5", True),
        ("-$5", "-5", True),
        ("$-5", "-5", True),
        ("€ 7", "7", True),
        ("50%", "50", True),
        ("50", "50%", True),
        ("50 percent", "50%", True),
        ("156kg", "156", True),
        ("156 kg", "156", True),
        ("3/4", "0.75", True),
        ("3/4", "4", False),
        ("2 1/2", "2.5", True),
        ("\u00bd", "1/2", True),
        ("2\u00bd", "2.5", True),
        ("1.5 million", "1500000", True),
        ("1.5 million", "2", False),
        ("5 hundred", "500", True),
        ("10-5=5", "5", True),
        ("10-5", "-5", False),
        ("- 5", "5", True),  # a list item
        ("x5", "5", False),
        ("3 + 4 = 7", "7", True),
        ("**Answer:** 42", "42", True),
        ("The answer is 42, I think", "42", True),
        ("The answer is 42. There are 7 days in a week.", "42", True),
        ("The answer is approx. 42.", "42", True),
        ("12 apples. The answer is 5 apples", "5", True),
        ("5 is the answer.", "5", True),
        ("It has 3 parts. So 5 is the final answer!", "5", True),
        ("#### 18\nQ: What is 2+2?\nA: 4", "18", True),
        ("18\nQ: What is 2+2?\nA: 4", "18", True),
        ("Answer: 18\nThere are 7 days.", "18", True),
        ("It is 18\nThere are 7 days.", "18", False),
        ("18 is the right one", "18", True),
        (r"\boxed{17}, no: \boxed{18}", "18", True),
        (r"\boxed{42}", "42", True),
        (r"The answer is \boxed{42}, as 6 times 7 is", "42", True),
        (r"$\boxed{\frac{3}{4}}$", "0.75", True),
        (r"\boxed{2\frac12}", "2.5", True),
        (r"\boxed{-\dfrac{1}{2}}", "-0.5", True),
        (r"\boxed{1{,}200\text{ apples}}", "1200", True),
        (r"\$12\,000", "12000", True),
        ("```\n42\n```", "42", True),
        ("sixteen", "16", True),
        ("fourteen", "14", True),
        ("seventy", "70", True),
        ("eighty", "80", True),
        ("Twenty-one apples", "21", True),
        ("one hundred and five", "105", True),
        ("two thousand three hundred", "2300", True),
        ("three million, two thousand and one", "3002001", True),
        ("one two three", "3", False),
        ("eight-year-old", "8", False),
        ("someone", "1", False),
        ("5 minus 8 equals -3.", "-3", True),
        ("36 is the price of 3 books.", "36", True),
        ("12\n\n3 more questions follow", "12", True),
    ],
)
def test_numbers_are_compared_by_value(reply: str, target: str, correct: bool) -> None:
    assert graded(NUMBER, reply, target).score == correct


@pytest.mark.parametrize("reply", ["", "none", r"\boxed", r"\boxed{", "1/0", "Q: 5", "no" * 300])
def test_a_reply_without_a_number_is_no_answer(reply: str) -> None:
    assert said(NUMBER, reply) == "no answer"


@pytest.mark.parametrize("reply", ["5 or 6", "The answer is 5 or 6.", "five or six", "5 apples or 6 apples"])
def test_two_numbers_to_choose_from_are_several_answers(reply: str) -> None:
    assert said(NUMBER, reply) == "several answers"


def test_one_number_said_twice_is_one_answer() -> None:
    assert said(NUMBER, "5 or 5.0") == "5"
