"""Pieces of the row: their tokens, what a reply is worth, and the traps of SQuAD's published script."""

import re
import string
from collections import Counter

import pytest
from reading_aid import example, strict

from opro_local.answers.span import Span
from opro_local.reading.several import texts_in, together
from opro_local.reading.spans import holds, token_f1, tokens
from opro_local.records import LabelledRow

SPAN = Span()
MAIL = "The pump in hall 3 failed on 12 May at about 10:30, says Ann-Marie O'Neil of Team A."


def published(text: str) -> list[str]:
    """SQuAD 1.1's normalize_answer, as its script has it."""
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def published_f1(said: str, right: str) -> float:
    one, other = published(said), published(right)
    common = sum((Counter(one) & Counter(other)).values())
    return 2 * common / (len(one) + len(other)) if common else 0.0


def worth(reply: str, target: str, row: str = MAIL) -> float:
    return strict(SPAN).grade(reply, example(target, row)).score


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("the pump", "pump"),
        ("The pump in hall 3!", "the pump"),
        ("on 12 May", "12 May"),
        ("Ann", "the pump in hall 3"),
        ("pump hall", "The pump in the hall"),
        ("O'Neil", "oneil"),
        ("3,000 euros", "3000 Euros"),
        ("the U.S. army", "US army"),
    ],
)
def test_plain_answers_are_worth_what_squad_has_them(said: str, right: str) -> None:
    assert token_f1(tokens(said), tokens(right)) == pytest.approx(published_f1(said, right))


@pytest.mark.parametrize(
    ("said", "right", "why"),
    [
        ("A", "the", "articles alone are nothing there, and all nothings are equal"),
        ("Team", "Team A", "a letter at the end is no article"),
        ("hepatitis virus", "hepatitis A virus", "a capital A within is a name"),
        ("+", "-", "punctuation alone is nothing there"),
        ("15", "1.5", "removed punctuation glues"),
        ("34", "3/4", "removed punctuation glues"),
        ("5", "-5", "a sign is punctuation there"),
        ("1030", "10:30", "removed punctuation glues"),
        ("wellknown", "well-known", "removed punctuation glues"),
        ("C", "C++", "signs that belong to a name"),
        ("A", "A+", "signs that belong to a grade"),
        ("12 May", "May 12", "tokens count in order here"),
    ],
)
def test_what_squad_takes_for_equal_by_mistake_is_not(said: str, right: str, why: str) -> None:
    assert sorted(published(said)) == sorted(published(right)), why
    assert token_f1(tokens(said), tokens(right)) < 1


@pytest.mark.parametrize(
    ("said", "right"),
    [("\u201cOslo\u201d", "Oslo"), ("1939\u20131945", "1939-1945"), ("\u300c東京\u300d", "東京")],
)
def test_marks_beyond_ascii_do_not_count(said: str, right: str) -> None:
    assert published(said) != published(right)
    assert tokens(said) == tokens(right)


def test_a_script_without_blanks_is_compared_by_character() -> None:
    assert published_f1("東京都", "東京") == 0
    assert token_f1(tokens("東京都"), tokens("東京")) == pytest.approx(4 / 5)
    assert len(tokens("กรุงเทพ")) == 6  # a vowel sign stays with its consonant


@pytest.mark.parametrize("text", ["A", "the", "+", "?!", "a the", "...", "Ω", "\U0001f600"])
def test_what_is_not_blank_has_a_token(text: str) -> None:
    assert tokens(text)


@pytest.mark.parametrize(
    ("reply", "target", "expected"),
    [
        ("12 May", "12 May", 1.0),
        ('"12 May".', "12 May", 1.0),
        ("The answer is **12 May**.", "12 May", 1.0),
        ("12 May\n\nbecause it says so", "12 May", 1.0),
        ("on 12 May", "12 May", 0.8),
        ("12 May or 13 May", "12 May", 4 / 7),  # a hedge pays in precision
        ("Oslo", "12 May", 0.0),
        ("", "12 May", 0.0),
        ("10:30", '["at about 10:30", "10:30"]', 1.0),
        ("about 10:30", '["12 May", "10:30"]', 2 / 3),
        (MAIL, "12 May", 0.0),  # the whole row: F1 alone would give 0.21
        (f"It says: {MAIL}", "12 May", 0.0),
        ("Call Ann.", "Ann", 0.0),
        ("Call Ann.", "Call Ann", 1.0),  # where it is the answer
    ],
)
def test_a_reply_is_worth_the_f1_of_its_nearest_answer(reply: str, target: str, expected: float) -> None:
    row = "Call Ann." if "Call" in target + reply else MAIL
    assert worth(reply, target, row) == pytest.approx(expected)


def test_the_row_repeated_is_found_behind_the_name_of_its_column() -> None:
    row = f"mail: {MAIL}\nquestion: When did it fail?"
    assert worth(MAIL, "12 May", row) == 0
    assert worth("When did it fail?", "12 May", row) == 0


def test_a_worth_of_1_is_an_exact_match() -> None:
    for said in ("12 May", "May 12", "12 May 12", "the 12 May"):
        assert (worth(said, "12 May") == 1) == (tokens(said) == tokens("12 May"))


@pytest.mark.parametrize(
    ("piece", "there"),
    [
        ("Team A", True),
        ("o'neil", True),
        ("hall 3", True),
        ("ann marie", True),
        ("hall", True),
        ("al", False),
    ],
)
def test_a_piece_is_found_by_whole_tokens(piece: str, there: bool) -> None:
    assert holds(MAIL, piece) == there


def test_rows_without_their_answer_are_told() -> None:
    rows = [
        LabelledRow(where="t.csv line 2", text=MAIL, target="hall 3"),
        LabelledRow(where="t.csv line 3", text=MAIL, target="hall 4"),
        LabelledRow(where="t.csv line 4", text=MAIL, target='["12 May", "the 12th of May"]'),
    ]
    lost, several = SPAN.notes(rows)
    assert lost.startswith("2 rows with a right answer that is not in the text (t.csv line 3, t.csv line 4)")
    assert several == "1 row with several right answers: the nearest counts."
    assert list(SPAN.notes(rows[:1])) == []


@pytest.mark.parametrize(
    "texts", [[], ["one"], ["one", "two"], ["[1]", "x"], ['["a"]'], ["a; b"], ["5", "five"]]
)
def test_several_texts_in_one_are_found_again(texts: list[str]) -> None:
    assert texts_in(together(texts)) == texts


@pytest.mark.parametrize(
    ("cell", "separator", "expected"),
    [
        ('["a", "b"]', None, ["a", "b"]),
        ('["a", "b"]', "|", ["a", "b"]),
        ("a| b |", "|", ["a", "b"]),
        ("a| b", None, ["a| b"]),
        ("[sic]", None, ["[sic]"]),
        ("[1.50, 2]", None, ["1.50", "2"]),
        ("  ", None, []),
    ],
)
def test_a_cell_holds_one_answer_or_several(cell: str, separator: str | None, expected: list[str]) -> None:
    assert texts_in(cell, separator) == expected
