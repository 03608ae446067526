"""Candidates cut into heats by the tokens of their prompts; a token of the scripted model is a byte."""

from mail_task import mail_model, mail_task
from resolved import scorer_of

from opro_local.config import ScoringSettings
from opro_local.problems.heats import heats
from opro_local.records import Candidate
from opro_local.scoring.scorer import Scorer
from opro_local.testing import ScriptedEngine


def scorer() -> Scorer:
    return scorer_of(ScriptedEngine(log_prob=mail_model({}, otherwise=3)), mail_task(), ScoringSettings())


def long(letter: str, length: int = 100) -> Candidate:
    return Candidate(instruction=letter * length)


def names(found: list[list[Candidate]]) -> list[str]:
    return ["".join(c.instruction[0] for c in heat) for heat in found]


def test_a_heat_is_full_before_another_begins_and_keeps_the_order_given() -> None:
    assert names(heats(scorer(), [long("d"), long("b"), long("a"), long("c")], 300)) == ["ba", "dc"]


def test_what_prompts_share_is_counted_once() -> None:
    shared = [Candidate(instruction="s" * 200 + letter) for letter in "abcd"]
    assert len(heats(scorer(), shared, 300)) == 1
    assert len(heats(scorer(), [long(letter, 200) for letter in "abcd"], 300)) == 4


def test_one_that_is_too_long_for_any_heat_has_one_of_its_own() -> None:
    assert names(heats(scorer(), [long("a", 400), long("b"), long("b")], 300)) == ["a", "b"]
    assert heats(scorer(), [], 300) == []
