"""What each field of answers is worth on test, for the winner and beside a baseline."""

import json

import pytest

from opro_local.answers import AnswerKind, kind_class
from opro_local.config import FieldSettings
from opro_local.records import Answer, Example, Outcome
from opro_local.results.findings import Pair
from opro_local.results.parts import part_results

KIND: AnswerKind = kind_class("fields")(
    fields=(
        FieldSettings(name="drink", answer="label", labels=("coffee", "tea")),
        FieldSettings(name="note", answer="text", required=False),
    )
)
TARGETS = [{"drink": "tea", "note": "no milk"}, {"drink": "coffee"}, {"drink": "tea"}, {"drink": "tea"}]


def answers(*said: dict[str, str] | None) -> list[Answer]:
    found = []
    for i, (reply, target) in enumerate(zip(said, TARGETS, strict=True)):
        row = Example(id=str(i), text="", target=json.dumps(target))
        prediction = None if reply is None else json.dumps(reply)
        score = 0.0 if prediction is None else KIND.worth(prediction, row)
        reason = "no answer" if prediction is None else None
        outcome = Outcome(
            example_id=row.id, target=row.target, prediction=prediction, score=score, reason=reason
        )
        found.append(Answer(outcome))
    return found


def test_parts_of_the_winner_beside_a_baseline() -> None:
    ours = answers(TARGETS[0], {"drink": "coffee"}, {"drink": "tea", "note": "x"}, {"drink": "coffee"})
    theirs = answers({"drink": "tea"}, None, {"drink": "tea"}, {"drink": "tea"})
    pairs = [
        Pair(instruction="other", ours=ours, theirs=theirs),
        Pair(instruction="", ours=ours, theirs=ours, won=True),
    ]
    drink, note = part_results(pairs, KIND) or []
    assert (drink.name, drink.score.value, drink.score.n) == ("drink", 0.75, 4)
    assert drink.score.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)  # Wilson's of 3 in 4
    (beside,) = drink.baselines
    assert (beside.instruction, beside.score.value, beside.fixed, beside.broken) == ("other", 0.75, 1, 1)
    assert beside.comparison.difference == 0.0
    (beside,) = note.baselines
    assert (note.score.value, beside.score.value, beside.fixed, beside.broken) == (0.75, 0.5, 2, 1)
    assert beside.comparison.difference == pytest.approx(0.25)


def test_answers_without_parts_have_none() -> None:
    label = kind_class("label")(labels=("coffee", "tea"))
    assert (
        part_results([Pair(instruction="", ours=answers(*TARGETS), theirs=answers(*TARGETS))], label) is None
    )
    assert part_results([], KIND) is None
