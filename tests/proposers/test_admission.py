"""Who may pass the door: whole numbers of at most five digits, each once, none above a limit."""

from dataclasses import dataclass
from typing import get_args

import pytest
from square_root import SquareRoot

from opro_local.llm import GenerationReply
from opro_local.problem import MetaPrompt
from opro_local.proposers.admission import Admission
from opro_local.records import Proposal, Reason, Step, Trajectory

META_PROMPT = MetaPrompt(messages=(), prefill="", ends=("\n",))


@dataclass
class Small(SquareRoot):
    """With no room for numbers above 1000."""

    def fits(self, solution: int) -> bool:
        return solution <= 1000


def admission(*taken: int) -> Admission[int]:
    """After a step in which these were proposed, and something that was rejected."""
    rejected: Proposal[int] = Proposal(text="", reason="empty")
    proposals = (*(Proposal(text="", solution=n) for n in taken), rejected)
    steps = (Step(number=0, proposals=proposals),)
    return Admission.after(Small(), Trajectory(direction="minimize", steps=steps))


@pytest.mark.parametrize(
    ("text", "ended", "reason"),
    [
        ("7\n", "final", None),
        ("7", "end", None),
        ("7", "length", "cut off"),
        ("7", "nan", "no finite log-probability"),
        ("777777", "length", "too long"),
        ("seven\n", "final", "wrong number of numbers"),
        ("1001\n", "final", "prompt too long"),
        ("5\n", "final", "duplicate"),
    ],
)
def test_a_reply_is_accepted_or_rejected_with_one_reason(text: str, ended: str, reason: str | None) -> None:
    reply = GenerationReply(text=text, tokens=1, ended=ended)  # type: ignore[arg-type]
    found = admission(5).reply(reply, META_PROMPT)
    assert (found.text, found.reason, found.author) == (text, reason, "model")
    assert found.solution == (None if reason else 7)
    assert reason is None or reason in get_args(Reason)


def test_people_pass_the_same_door() -> None:
    door = admission(5)
    found = [door.person(text) for text in ("8", "8", "5", "eight", "1001")]
    assert [p.reason for p in found] == [
        None,
        "duplicate",
        "duplicate",
        "wrong number of numbers",
        "prompt too long",
    ]
    assert {(p.origin, p.author) for p in found} == {("human", "human")}


def test_what_is_rejected_for_its_length_may_not_take_a_place() -> None:
    door = admission()
    door.person("1001")
    assert door.new(Proposal(text="", solution=1001)).solution == 1001


def test_what_was_accepted_before_leaves_for_what_people_say_and_is_told_why() -> None:
    door = admission(5)
    before: list[Proposal[int]] = [
        Proposal(text="a", solution=6, origin="library", author="program"),
        Proposal(text="b", solution=5),
        Proposal(text="c", solution=7),
        Proposal(text="d", reason="refusal"),
    ]
    found = [door.again(proposal, banned=lambda n: n == 6) for proposal in before]
    assert [(p.text, p.solution, p.reason) for p in found] == [
        ("a", None, "banned"),
        ("b", None, "duplicate"),
        ("c", 7, None),
        ("d", None, "refusal"),
    ]
    assert (found[0].origin, found[0].author) == ("library", "program")
