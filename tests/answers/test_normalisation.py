"""Which texts are a number, and of which value."""

from fractions import Fraction

import pytest

from opro_local.reading.normalisation import normalised, number_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,000", Fraction(1000)),
        (" -2.50 ", Fraction(-5, 2)),
        ("3 thousand", Fraction(3000)),
        ("7%", Fraction(7)),
        ("$5", Fraction(5)),
        ("\u22121/2", Fraction(-1, 2)),  # a minus sign
        ("**4**", Fraction(4)),
        ("five", Fraction(5)),
        ("Twenty-one", Fraction(21)),
        ("minus two hundred and six thousand and one", Fraction(-206_001)),
        ("2 1/2", Fraction(5, 2)),
        ("2\u00bd", Fraction(5, 2)),
        (r"$\frac{3}{4}$", Fraction(3, 4)),
        ("five six", None),
        ("sixty-eleven", None),
        ("5 or 6", None),
        ("1,2", None),
        ("1e5", None),
        ("1/0", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_a_text_that_is_one_number_has_its_value(text: str, value: Fraction | None) -> None:
    assert number_value(text) == value


def test_normalised_text_has_no_emphasis_and_plain_hyphens() -> None:
    assert normalised("***pre\u2011`seed`*** \uff41 \u2013 b") == "pre-seed a - b"
