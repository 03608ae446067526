"""Which options a question lists, and which one a target names."""

import pytest

from opro_local.reading.options import option_letter, options_of


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("Which?\nOptions:\n(A) one  fish\n(B) two fish", {"A": "one fish", "B": "two fish"}),
        ("Which?\nA)5\nB) 6\nWhat is it?", {"A": "5", "B": "6"}),
        ("Which?\nA. x\n  B. y\nC. z", {"A": "x", "B": "y", "C": "z"}),
        ("Which? (A) one (B) two\nSay it.", {"A": "one", "B": "two"}),
        ("Which? A)1 B)2", {"A": "1", "B": "2"}),
        ("(A) and (B) are sets.\nOptions:\n(A) yes\n(B) no", {"A": "yes", "B": "no"}),
        ("Options:\n(A) p\n(B) q\n(D) r", {"A": "p", "B": "q"}),
        ("Which?\nOptions:\n(A) alone", {"A": "alone"}),
        ("A. alone", {}),
        ("Where?\n(A) west (B) east", {"A": "west", "B": "east"}),
        ("Ask Dr. A. Miller or B. Moss", {}),
        ("", {}),
    ],
)
def test_options_by_letter(question: str, options: dict[str, str]) -> None:
    assert options_of(question) == options


@pytest.mark.parametrize(
    ("target", "letter"),
    [
        ("(B)", "B"),
        ("b", "B"),
        ("B.", "B"),
        (" two ", "B"),
        ("TWO", "B"),
        ("(D)", None),
        ("three", None),
        ("", None),
    ],
)
def test_a_target_names_an_option_by_letter_or_text(target: str, letter: str | None) -> None:
    assert option_letter(target, {"A": "one", "B": "two", "C": "one"}) == letter


def test_a_text_that_two_options_share_names_neither() -> None:
    assert option_letter("one", {"A": "one", "B": "one"}) is None
