"""One label or one side of a question of yes or no, as a whole word."""

import pytest
from reading_aid import LETTERS, POLARITY, STAGES, TRUTH, VALIDITY, graded, said

from opro_local.answers import AnswerKind
from opro_local.answers.boolean import Boolean
from opro_local.answers.label import Label
from opro_local.reading.replies import Graded

OPTIONS = Label(labels=("(A)", "(B)", "(C)"))


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
        ("pre\u2013seed", "pre-seed"),  # en dash
        ("\uff53\uff45\uff45\uff44", "seed"),  # full-width letters
        ("seed", "seed"),
        ("post-seed", "no answer"),
        ("seeds", "no answer"),
        ("seedling", "no answer"),
        ("**seed**", "seed"),
        ("The category is **`seed`**.", "seed"),
        ("```\nseed\n```", "seed"),
        ("```seed\nfintech\n```", "fintech"),
        ("```text\nseed\n```\nfintech\n", "several answers"),
        ("seed or fintech", "several answers"),
        ("pre-seed, not seed", "pre-seed"),
        ("seed, yes: seed", "seed"),
        ("seed? No. The answer is fintech", "fintech"),
        ("Answer: seed. Answer: fintech", "fintech"),
        ("**Answer:** fintech", "fintech"),
        ("#### fintech", "fintech"),
        ("The answer is:\nfintech", "fintech"),
        ("Not seed. \\boxed{\\text{fintech}}, the answer is in the box", "fintech"),
        ("It is no seed. So fintech is the answer.", "fintech"),
        ("fintech\nQ: next one\nA: seed", "fintech"),
        ("Q: fintech", "no answer"),
        ("**Q:** fintech", "no answer"),
        ("**Q**: fintech", "no answer"),
        ("seed\n*Q:*fintech", "seed"),
        ("", "no answer"),
        ("I do not know", "no answer"),
        ("fintech\nseed", "several answers"),
        ("Answer: fintech\nIt is not seed.", "fintech"),
        ("fintech\n\nIt is not seed.", "fintech"),
        ("pre-seed\nseed\nfintech\n\n", "several answers"),
    ],
)
def test_a_label_is_found_as_a_whole_word(reply: str, expected: str) -> None:
    assert said(STAGES, reply) == expected


def test_a_label_is_correct_only_when_it_is_the_target() -> None:
    assert graded(STAGES, "Seed", "seed") == Graded(prediction="seed", score=1.0)
    assert graded(STAGES, "Seed", "fintech") == Graded(prediction="seed", score=0.0)
    assert graded(STAGES, "?", "seed") == Graded(reason="no answer")


@pytest.mark.parametrize(
    ("reply", "labels", "expected"),
    [
        ("(A) (B) (C)", OPTIONS.labels, "several answers"),
        ("(A)\n(B)\n(C)\n\n", OPTIONS.labels, "several answers"),
        ("abcde", LETTERS.labels, "no answer"),
        ("I cannot decide between these", LETTERS.labels, "no answer"),
        ("The answer is B) an apple", LETTERS.labels, "B"),
        ("I think (maybe) it is (B)", OPTIONS.labels, "(B)"),
        ("007", ("007", "7"), "007"),
        ("None", ("None", "NA"), "None"),
        ("us", ("US", "us"), "us"),
        ("C++", ("C", "C++"), "C++"),
        ("snake_case_label", ("case", "snake_case_label"), "snake_case_label"),
    ],
)
def test_labels_that_hold_each_other_or_are_short_are_told_apart(
    reply: str, labels: tuple[str, ...], expected: str
) -> None:
    assert said(Label(labels=labels), reply) == expected


@pytest.mark.parametrize(
    ("form", "reply", "expected"),
    [
        (VALIDITY, "invalid", "invalid"),
        (VALIDITY, "The argument is VALID.", "valid"),
        (VALIDITY, "The argument is not valid.", "no answer"),
        (VALIDITY, "valid or invalid", "several answers"),
        (VALIDITY, "yes", "no answer"),
        (VALIDITY, "True", "no answer"),
        (VALIDITY, "The argument seems valid at first. The answer is **invalid**", "invalid"),
        (POLARITY, "No, it is not plausible.", "no"),
        (POLARITY, "yes or no", "several answers"),
        (POLARITY, "Unknown", "no answer"),
        (POLARITY, "I do not know", "no answer"),
        (POLARITY, "nothing", "no answer"),
        (POLARITY, "True", "yes"),
        (POLARITY, "true or false", "several answers"),
        (POLARITY, "Yes, that is true.", "yes"),
        (POLARITY, "It isn't true", "no answer"),
        (POLARITY, "valid", "no answer"),
        (POLARITY, "1", "no answer"),
        (TRUTH, "no", "False"),
        (TRUTH, "FALSE", "False"),
        (TRUTH, "not ( True ) is False", "False"),
        (TRUTH, "not ( True ) is ... the answer is False", "False"),
    ],
)
def test_one_side_is_said_and_not_both(form: AnswerKind, reply: str, expected: str) -> None:
    assert said(form, reply) == expected


@pytest.mark.parametrize(
    "labels", [("plausible", "implausible"), ("Entailment", "Non-entailment"), ("Yes", "No")]
)
def test_no_constant_is_right_about_both_sides(labels: tuple[str, str]) -> None:
    form = Boolean(labels=labels)
    for constant in (*labels, " or ".join(labels), "Unknown", "not " + labels[0]):
        assert sum(graded(form, constant, target).score for target in labels) <= 1
