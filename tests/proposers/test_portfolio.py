"""A portfolio of made-up arms: who gets the proposals of a step, and what is kept of them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest
from candidates import call, candidate, of, step, trajectory

from opro_local.problem import Proposer
from opro_local.proposers.bandit import Tally
from opro_local.proposers.portfolio import Portfolio, tallies
from opro_local.records import Candidate, Proposal, Score, Scored, Step, Trajectory


@dataclass
class Arm:
    """Proposes numbered instructions, at most limit a step; asked lists the shares that it was given."""

    name: str
    limit: int = 100
    meta_prompt: str = ""
    asked: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        self.asked.append(count)
        self.seen.append(sum(1 for _ in trajectory.proposals()))
        texts = [f"{self.name} {number}.{i}" for i in range(min(count, self.limit))]
        return Step(
            number=number,
            proposals=tuple(Proposal(text=t, solution=candidate(t)) for t in texts),
            calls=(call(self.meta_prompt, prompt_tokens=7),) if self.meta_prompt else (),
        )


START = of((candidate("start"), 0.5))


def portfolio(
    *arms: Arm,
    seed: int = 0,
    fits: Callable[[Candidate], bool] = lambda _: True,
    sampled: Collection[str] = (),
    expected: Mapping[str, Tally] | None = None,
) -> Portfolio:
    named: dict[str, Proposer[Candidate]] = {arm.name: arm for arm in arms}
    return Portfolio(arms=named, seed=seed, fits=fits, sampled=sampled, expected=expected or {})


def origins(step: Step[Candidate]) -> Counter[str]:
    return Counter(proposal.origin for proposal in step.proposals)


def test_a_step_has_as_many_proposals_as_are_wanted_each_with_its_proposer() -> None:
    found = portfolio(Arm("a"), Arm("b"), Arm("c")).propose(START, 1, 60)
    assert found.number == 1
    assert set(origins(found)) == {"a", "b", "c"}
    assert origins(found).total() == 60
    assert all(p.solution and p.solution.instruction.startswith(p.origin) for p in found.proposals)


def test_an_arm_sees_what_others_proposed_in_the_same_step() -> None:
    arms = Arm("a"), Arm("b")
    portfolio(*arms).propose(START, 1, 20)
    seen = {arm.seen[0] for arm in arms}
    assert 1 in seen
    assert max(seen) == 1 + next(arm.asked[0] for arm in arms if arm.seen[0] == 1)


def test_what_an_arm_does_not_know_goes_to_the_others() -> None:
    poor, rich = Arm("poor", limit=1), Arm("rich")
    found = portfolio(poor, rich).propose(START, 1, 20)
    assert origins(found) == {"poor": 1, "rich": 19}
    assert len(poor.asked) == 1


def test_it_ends_where_no_arm_knows_more() -> None:
    assert origins(portfolio(Arm("a", limit=2), Arm("b", limit=0)).propose(START, 1, 9)) == {"a": 2}


def test_one_meta_prompt_is_read_a_step_whoever_was_drawn() -> None:
    read = [Arm("x", meta_prompt="X"), Arm("y", meta_prompt="Y"), Arm("z", limit=3)]
    found = portfolio(*read, sampled=("x", "y")).propose(START, 1, 30)
    assert sorted(len(arm.asked) for arm in read[:2]) == [0, 1]
    asked = next(arm for arm in read if arm.asked and arm.meta_prompt)
    assert found.calls == (call(asked.meta_prompt, prompt_tokens=7),)
    assert origins(found)["z"] == 3


def test_what_is_too_long_is_rejected_and_told() -> None:
    arms = Arm("a"), Arm("b")
    found = portfolio(*arms, fits=lambda c: c.instruction.startswith("a")).propose(START, 1, 20)
    assert {(p.origin, p.reason, p.solution is None) for p in found.proposals} == {
        ("a", None, False),
        ("b", "prompt too long", True),
    }


def test_what_is_expected_counts_until_more_is_known() -> None:
    told = portfolio(Arm("a"), Arm("b"), expected={"b": Tally(50, 50)}).propose(START, 1, 100)
    assert origins(told)["b"] > 90


def test_a_proposal_pays_that_is_among_the_best_when_its_step_is_scored() -> None:
    start = step(0, *((candidate(f"s{i}"), 0.1 * i) for i in range(1, 6)))
    first = step(1, (candidate("x"), 0.35), (candidate("y"), 0.05), (candidate("z"), -0.9), origin="a")
    rejected = replace(first, proposals=(*first.proposals, Proposal(text="", reason="empty", origin="b")))
    second = step(2, (candidate("w"), 0.6), origin="b")
    assert list(tallies(trajectory(start, rejected, second))) == [
        {"a": Tally(1, 3), "b": Tally(0, 1)},
        {"b": Tally(1, 1)},
    ]


def test_who_joins_equals_has_not_paid() -> None:
    start = step(0, *((candidate(f"s{i}"), 0.8) for i in range(5)))
    equal = step(1, *((candidate(f"equal {i}"), 0.8) for i in range(5)), origin="a")
    surer = [replace(e, score=replace(e.score, metrics={"log_loss": 0.1})) for e in equal.scored]
    equal = replace(equal, scored=tuple(surer))
    better = step(2, (candidate("better"), 0.9), origin="b")
    assert list(tallies(trajectory(start, equal, better))) == [{"a": Tally(0, 5)}, {"b": Tally(1, 1)}]


def test_until_there_are_five_everyone_who_joins_them_pays() -> None:
    first = step(1, (candidate("worse"), 0.1), (candidate("equal"), 0.5), origin="a")
    assert list(tallies(trajectory(step(0, (candidate("start"), 0.5)), first))) == [{"a": Tally(2, 2)}]


def quality(origin: str, number: int, place: int) -> float:
    """good keeps getting better; early did, for three steps; bad never does."""
    if origin == "good":
        return 0.5 + 0.001 * number if place % 3 == 0 else 0.1
    if origin == "early":
        return 0.5 + 0.001 * number + 0.0001 if number <= 3 else 0.1
    return 0.1


def searched(seed: int, steps: int = 30, begun: Trajectory[Candidate] = START) -> Trajectory[Candidate]:
    arms = portfolio(Arm("good"), Arm("bad"), Arm("early"), seed=seed)
    found = begun
    for number in range(len(found.steps), steps + 1):
        opened = arms.propose(found, number, 8)
        scored = tuple(
            Scored(solution=s, score=Score(value=quality(p.origin, number, i)), step=number)
            for i, (p, s) in enumerate(zip(opened.proposals, opened.solutions, strict=True))
        )
        found = replace(found, steps=(*found.steps, replace(opened, scored=scored)))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_good_arm_is_found_beside_a_bad_one_and_one_that_deceives_early(seed: int) -> None:
    found = searched(seed)
    early = sum((origins(step) for step in found.steps[1:4]), Counter[str]())
    late = sum((origins(step) for step in found.steps[-12:]), Counter[str]())
    assert early["early"] > early["bad"]
    assert late["good"] > 0.6 * late.total()
    assert late["good"] > 3 * max(late["bad"], late["early"])


def test_cut_off_anywhere_the_search_goes_on_as_if_nothing_had_happened() -> None:
    whole = searched(3, steps=12)
    for cut in (1, 5, 12):
        begun = replace(whole, steps=whole.steps[:cut])
        assert searched(3, steps=12, begun=begun) == whole
    assert searched(4, steps=12) != whole
