"""Numbers, by value."""

import pytest
from pydantic import ValidationError
from reading_aid import NUMBER, graded, said

from opro_local.answers.number import Number
from opro_local.config import TaskSettings
from opro_local.errors import SettingsError
from opro_local.records import LabelledRow


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


class TestTolerance:
    @pytest.mark.parametrize(
        ("tolerance", "target", "right", "wrong"),
        [
            ("0.01", "2.5", ("2.5", "2.51", "2.49", "2 1/2"), ("2.511", "2.489", "-2.5")),
            ("5", "-10", ("-15", "-5"), ("-15.1", "10", "-4.999")),
            ("1 %", "200", ("198", "202", "200"), ("197.99", "202.01", "-200")),
            ("1%", "-200", ("-198", "-202"), ("-203", "198")),
            ("0.5 %", "1,000", ("1005",), ("1005.01",)),
            ("10 %", "0", ("0",), ("0.001",)),
            ("0", "7", ("7.0",), ("7.1",)),
            (None, "7", ("7.0",), ("7.0000001",)),
        ],
    )
    def test_a_number_is_right_at_its_bounds_and_not_beyond(
        self, tolerance: str | None, target: str, right: tuple[str, ...], wrong: tuple[str, ...]
    ) -> None:
        kind = Number(tolerance=tolerance)
        assert [graded(kind, reply, target).score for reply in right] == [1.0] * len(right)
        assert [graded(kind, reply, target).score for reply in wrong] == [0.0] * len(wrong)

    def test_people_and_the_optimizer_are_told_of_it(self) -> None:
        kind = Number(tolerance="1 %")
        assert kind.reading.endswith("; right within 1 %")
        assert "within 1 %" in kind.told
        assert NUMBER.told == ""
        rows = [
            LabelledRow(where="row 2", text="a", target="0"),
            LabelledRow(where="row 3", text="b", target="5"),
        ]
        assert [*kind.notes(rows)] == [
            "a number is right within 1 % of the label.",
            "1 label of 0 (row 2): per cent of 0 leave no room there.",
        ]

    def test_errors_are_reported_where_they_count(self) -> None:
        assert Number(tolerance="1").beside == Number(metric="r2").beside == ("mae", "median_error", "r2")
        assert NUMBER.beside == ()

    def test_published_grading_knows_none(self) -> None:
        with pytest.raises(SettingsError, match="knows no tolerance"):
            graded(Number(tolerance="1"), "5", "5", grading="official")

    @pytest.mark.parametrize("tolerance", ["-1", "1 percent", "1e-3", "%", "1,5", "nan"])
    def test_what_is_none_is_refused(self, tolerance: str) -> None:
        with pytest.raises(ValidationError, match=r"is no tolerance: write a number such as 0\.01, or 1 %"):
            TaskSettings(tolerance=tolerance)

    def test_a_blank_one_is_none(self) -> None:
        assert TaskSettings(tolerance=" ").tolerance is None
