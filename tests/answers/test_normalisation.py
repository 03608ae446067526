"""Which texts are a number, and of which value; what typography is dropped."""

from fractions import Fraction

import pytest

from opro_local.config import DecimalSign
from opro_local.reading.normalisation import normalised, unwrapped
from opro_local.reading.numbers import number_value


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
        ("1e5", Fraction(100_000)),
        ("2.5e-1", Fraction(1, 4)),
        ("3 \u00d7 10\u2074", Fraction(30_000)),
        ("10^6", Fraction(10**6)),
        ("18k", Fraction(18_000)),
        ("$2M", Fraction(2_000_000)),
        ("1\u202f000", Fraction(1000)),  # narrow no-break space
        ("1\u2019000", Fraction(1000)),
        ("two thirds", Fraction(2, 3)),
        ("three and a half", Fraction(7, 2)),
        ("a dozen", Fraction(12)),
        ("a hundred and five", Fraction(105)),
        ("0,5", None),
        ("5,00", None),
        ("10:30", None),
        ("2024-05-03", None),
        ("3 May 2024", None),
        ("5-6", None),
        ("1/2/3", None),
        ("2^3", None),
        ("1e400", None),
        ("5+", None),
        ("1/0", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_a_text_that_is_one_number_has_its_value(text: str, value: Fraction | None) -> None:
    assert number_value(text) == value


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("0,5", None, Fraction(1, 2)),
        ("5,00 \u20ac", None, Fraction(5)),
        ("1.234,5", None, Fraction(2469, 2)),
        ("1 234,5", None, Fraction(2469, 2)),
        ("1,234", Fraction(1234), Fraction(617, 500)),
        ("1.234", Fraction(617, 500), Fraction(1234)),
        ("1,234.5", Fraction(2469, 2), None),
        ("3.5", Fraction(7, 2), None),
        ("7", Fraction(7), Fraction(7)),
    ],
)
def test_the_decimal_sign_is_a_convention(text: str, point: Fraction | None, comma: Fraction | None) -> None:
    signs: tuple[DecimalSign, ...] = ("point", "comma")
    assert [number_value(text, sign) for sign in signs] == [point, comma]


def test_text_in_latex_is_unwrapped() -> None:
    assert unwrapped(r"\boxed{\text{B}} \textbf{\text{a} b}") == r"\boxed{ B}   a b"


def test_normalised_text_has_no_emphasis_and_plain_hyphens() -> None:
    assert normalised("5 m\u00b2, 10\u207b\u00b2") == "5 m^2, 10^-2"
    assert normalised("***pre\u2011`seed`*** \uff41 \u2013 b") == "pre-seed a - b"
