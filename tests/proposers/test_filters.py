"""What a small model writes that is not worth scoring."""

from dataclasses import replace

import pytest
from mail_task import mail_task

from opro_local.proposers.filters import InstructionFilter
from opro_local.testing import ScriptedEngine

SENSE = -4.0
"""Log-probability a character of a text with an end; the rest, random words, has twice that."""


def log_prob(text: str) -> float:
    written = text.rsplit("[user] ", 1)[1].removesuffix("\n[assistant] ")
    return (1 if written.endswith((".", "?", "!")) else 2) * SENSE * len(written)


def guard() -> InstructionFilter:
    return InstructionFilter(ScriptedEngine(log_prob=log_prob), mail_task())


def reason(text: str, *earlier: str) -> str | None:
    (found,) = guard().reasons([text], earlier)
    return found


@pytest.mark.parametrize(
    ("text", "earlier"),
    [
        ("Classify the mail.", "CLASSIFY  the mail!!"),
        ("Classify the e-mails now.", "Classify the e-mail now."),
        ("Go on.", "go on"),
    ],
)
def test_a_near_duplicate_is_not_scored_again(text: str, earlier: str) -> None:
    assert reason(text, "Something else entirely.", earlier) == "near-duplicate"


@pytest.mark.parametrize(
    ("text", "earlier"),
    [("Classify the text.", "Classify the e-mail."), ("Think twice.", "Think."), ("Sort it.", "")],
)
def test_other_words_are_another_instruction(text: str, earlier: str) -> None:
    assert reason(text, earlier) is None


def test_of_two_alike_in_one_step_the_first_stays() -> None:
    texts = ["Read the mail.", "Sort the mails by kind.", "read the mail"]
    assert guard().reasons([*texts[:2], "Read the mail!"], []) == [None, None, "near-duplicate"]


def test_a_rejected_text_takes_no_other_with_it() -> None:
    assert guard().reasons(["so so so so so", "So so so so."], []) == ["repetition", "repetition"]
    assert guard().reasons(["blue run of if", "Blue run of if."], []) == ["nonsense", None]


def test_the_border_of_nonsense_is_halfway_between_instructions_and_random_words() -> None:
    assert reason("what the mail green go") == "nonsense"
    assert reason("What is the mail about?") is None
    assert guard()._border == pytest.approx(1.5 * SENSE, rel=0.2)


def test_a_text_is_judged_by_what_follows_its_first_token() -> None:
    # The first word of "Sort the mails." cost Gemma-3-270M so much that the sentence was nonsense.
    engine = ScriptedEngine(log_prob=log_prob)
    InstructionFilter(engine, mail_task()).reasons(["Sort the mails."], [])
    (request,) = engine.asked[0]
    assert engine.decode(request.context) == "[user] S"
    assert [engine.decode(choice) for choice in request.choices] == ["ort the mails."]


def test_two_words_are_too_few_to_call_nonsense() -> None:
    assert reason("green go") is None


@pytest.mark.parametrize("text", ["12.", "\u2191", "12:37 11:52-313", "x", ""])
def test_what_has_no_word_is_nonsense_whatever_the_model_says(text: str) -> None:
    assert reason(text) == "nonsense"


@pytest.mark.parametrize("text", ["Rate it: 1, 2, 3, 4, 5, 6, 7, 8, 9?", "Go!", "R2-D2 or the other?"])
def test_signs_beside_a_word_do_no_harm(text: str) -> None:
    assert reason(text) is None


def test_repetition_is_told() -> None:
    assert reason("the the the the the.") == "repetition"
    assert reason("Let us see, let us sort.") is None


def test_a_script_that_the_task_does_not_use_is_told() -> None:
    russian = "\u0420\u0430\u0437\u0431\u0435\u0440\u0438 \u043f\u0438\u0441\u044c\u043c\u0430."
    assert reason(russian) == "wrong language"
    task = mail_task()
    known = replace(task, examples=(replace(task.examples[0], text=russian), *task.examples[1:]))
    assert InstructionFilter(ScriptedEngine(log_prob=log_prob), known).reasons([russian], []) == [None]


def test_a_model_without_a_number_rejects_nothing() -> None:
    broken = InstructionFilter(ScriptedEngine(log_prob=lambda _: float("nan")), mail_task())
    assert broken.reasons(["what the mail green go"], []) == [None]


def test_nothing_is_asked_where_nothing_is_to_be_judged() -> None:
    assert guard().reasons([], ["a"]) == []
