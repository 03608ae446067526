"""What a candidate got wrong, from a ledger in memory."""

import math
from dataclasses import replace

import pytest
from mail_task import LABELS, mail_task
from memory_store import MemoryStore

from opro_local.problems.wrong_answers import WrongAnswers
from opro_local.records import Candidate, Example, Outcome
from opro_local.scoring.marking import Marking

ROWS = tuple(
    Example(id=name, text=text, target=target)
    for name, text, target in (
        ("turned right", "A", "fintech"),
        ("turned wrong", "B", "seed"),
        ("still wrong", "C", "fintech"),
    )
)
WHO = Candidate(instruction="Sort.", calibration=(1.0, 0.0))


def outcome(example_id: str, log_probs: tuple[float, float], target: str) -> Outcome:
    prediction = LABELS[log_probs.index(max(log_probs))]
    return Outcome(
        example_id=example_id,
        target=target,
        prediction=prediction,
        score=float(prediction == target),
        choice_log_probs=log_probs,
    )


def test_a_row_is_missed_that_is_wrong_under_the_calibration_and_of_train() -> None:
    # One nat in favour of fintech turns the first two rows round and leaves the third as it is.
    ledger: MemoryStore[Candidate] = MemoryStore()
    block = [
        outcome("turned right", (-1.0, -0.5), "fintech"),
        outcome("turned wrong", (-1.0, -0.5), "seed"),
        outcome("still wrong", (-3.0, -0.1), "fintech"),
    ]
    ledger.record_block("train", {WHO.key: block})
    ledger.record_block("validation", {WHO.key: [outcome("elsewhere", (-3.0, -0.1), "fintech")]})
    wrong = WrongAnswers(marking=Marking.of(mail_task()), ledger=ledger, rows=ROWS)
    assert list(wrong.of(WHO)) == ["turned wrong", "still wrong"]
    assert wrong.of(WHO)["turned wrong"].prediction == "fintech"
    assert wrong.of(Candidate(instruction="Another.")) == {}
    told = wrong.mistakes(WHO)
    assert [(mistake.row.text, mistake.answered) for mistake in told] == [("B", "fintech"), ("C", "seed")]
    sure = [1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(-1.9))]  # by the nats between the two labels
    assert [mistake.sure for mistake in told] == pytest.approx(sure)


def test_a_mistake_without_an_answer_is_sure_of_nothing() -> None:
    ledger: MemoryStore[Candidate] = MemoryStore()
    none = Outcome(
        example_id="still wrong", target="fintech", prediction=None, score=0.0, feedback="Read it."
    )
    ledger.record_block("train", {WHO.key: [replace(none, reason="no answer")]})
    (found,) = WrongAnswers(marking=Marking.of(mail_task()), ledger=ledger, rows=ROWS).mistakes(WHO)
    assert (found.answered, found.sure, found.feedback) == (None, None, "Read it.")


def test_a_doubt_is_what_the_right_label_lacks_under_the_calibration() -> None:
    ledger: MemoryStore[Candidate] = MemoryStore()
    even = math.log(0.5)
    rows = [outcome("a", (even - 1, even), "fintech"), outcome("b", (even - 1, even), "seed")]
    ledger.record_block("train", {WHO.key: [*rows, replace(rows[0], example_id="c", choice_log_probs=())]})
    doubts = WrongAnswers(marking=Marking.of(mail_task()), ledger=ledger, rows=()).doubts(WHO)
    assert doubts == {"a": pytest.approx(0.5), "b": pytest.approx(0.5), "c": 1.0}
