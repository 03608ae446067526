"""Where a reply is final: early enough to save time, never so early as to change a grade."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_aid import (
    CHOICE,
    CODES,
    FRUIT,
    NUMBER,
    POLARITY,
    STAGES,
    TEXT,
    TRUTH,
    VALIDITY,
    example,
    strict,
)

from opro_local.answers import AnswerKind, grader_of

FORMS = [STAGES, POLARITY, TRUTH, VALIDITY, CHOICE, NUMBER, TEXT, CODES]
GRADERS = [
    *(grader_of(form) for form in FORMS),
    *(grader_of(form, "official") for form in FORMS if form.pattern is None),
]

WORDS = """
fintech|seed|Yes|no|true|invalid|not |Answer:|answer is|####|is the answer|Q:|12|1/2|sixteen| hundred|million
or|an orange|(|)|A|B|b|ABC-1|]|>|\\boxed{|}|\\frac{1}{2}|$|%|*|**|`|```|_|x|-|,|.|, |:|\u00bd|\u2212|\uff15
"""
BLANKS = (" ", "\n", "\n\n", "\r", "\u2028", "\x0b", "\u0301")
PIECES = st.lists(st.sampled_from([*WORDS.strip().replace("\n", "|").split("|"), *BLANKS]), max_size=9).map(
    "".join
)


@pytest.mark.parametrize(
    ("form", "text", "final"),
    [
        (STAGES, "fintech", False),
        (STAGES, "fintech\n", False),
        (STAGES, "fintech\n\n", True),
        (STAGES, "Answer: fintech", False),
        (STAGES, "Answer: fintech.\n", True),
        (STAGES, "The answer is\n", False),
        (STAGES, "The answer is\nfintech\n\n", True),
        (STAGES, "The answer is fintech, not seed\n", False),
        (STAGES, "who knows\n\n", False),
        (STAGES, "seed fintech\n\n", False),
        (STAGES, "\n\n", False),
        (STAGES, "fintech\nQ:", True),
        (POLARITY, "No\n\n", True),
        (POLARITY, "Answer: true\n", True),
        (POLARITY, "Answer: not true\n", False),
        (CHOICE, "(B)\n\n", True),
        (CHOICE, "Answer: (B) an orange.\n", True),
        (CHOICE, "Answer: (B) I think\n", False),
        (CHOICE, "an orange\n\n", True),
        (NUMBER, "1", False),
        (NUMBER, "1\n", False),
        (NUMBER, "1\n\n", True),
        (NUMBER, "10 apples\n\n", True),
        (NUMBER, "1. Add\n\n", False),
        (NUMBER, "3 + 4\n\n", False),
        (NUMBER, "#### 1", False),
        (NUMBER, "#### 12\n", True),
        (NUMBER, "The answer is $1,200.\n", True),
        (NUMBER, "\\boxed{12}\n", True),
        (NUMBER, "The answer is sixteen\n", True),
        (NUMBER, "The answer is 3 times 4\n", False),
        (NUMBER, "12\nQ: ", True),
        (TEXT, "barn damp\n", False),
        (TEXT, "Answer: barn damp", False),
        (TEXT, "Answer: barn damp\n", True),
        (CODES, "Answer: ABC-1.\n", True),
        (CODES, "Answer: ABC-1 or so\n", False),
    ],
)
def test_a_reply_is_final_when_nothing_can_change_it(form: AnswerKind, text: str, final: bool) -> None:
    assert strict(form).is_final(text, FRUIT) is final


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join((type(form).__name__, *form.labels[:1])))
@settings(deadline=None, max_examples=40)
@given(text=PIECES)
def test_a_prefix_that_is_final_has_the_grade_of_the_whole(form: AnswerKind, text: str) -> None:
    grader, row = grader_of(form), example("12", FRUIT)
    whole = grader.grade(text, row)
    was_final = False
    for end in range(len(text) + 1):
        final = grader.is_final(text[:end], FRUIT)
        assert final or not was_final
        was_final = final
        if final:
            assert grader.grade(text[:end], row) == whole


@pytest.mark.slow
@settings(deadline=None, max_examples=800)
@given(
    reply=st.text(max_size=200) | PIECES | st.tuples(PIECES, st.text(max_size=40), PIECES).map("".join),
    target=st.sampled_from(["12", "yes", "True", "valid", "seed", "(B)", "] ]", "x y", "1/2"]),
)
def test_no_reply_breaks_a_grader(reply: str, target: str) -> None:
    for grader in GRADERS:
        found = grader.grade(reply, example(target, FRUIT))
        assert (found.prediction is None) == (found.reason is not None)
        assert found.prediction is not None or not found.score
        assert grader.is_final(reply, FRUIT) in (True, False)


@pytest.mark.parametrize("form", FORMS)
def test_a_giant_word_that_was_cut_off_is_read(form: AnswerKind) -> None:
    """It never came back when every place of the word was tried as its first."""
    assert grader_of(form).grade("</think>" * 50_000, example("x"), cut=True).score == 0
