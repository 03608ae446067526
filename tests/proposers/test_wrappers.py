"""Proposers of instructions in a search for instructions and shots."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from candidates import call, candidate, of, shot, step, trajectory
from mail_task import mail_task

from opro_local.proposers.elite import ELITE, best_of_each_instruction, elite
from opro_local.proposers.filters import InstructionFilter
from opro_local.proposers.wrappers import Filtered, WithShots
from opro_local.records import Candidate, Proposal, Reason, Step, Trajectory
from opro_local.testing import ScriptedEngine


@dataclass
class Fixed:
    """Proposes texts; keeps the trajectory that it was shown."""

    texts: tuple[str, ...]
    shown: list[Trajectory[Candidate]] = field(default_factory=list)

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        self.shown.append(trajectory)
        accepted = [Proposal(text=t, solution=candidate(t)) for t in self.texts[:count]]
        return Step(
            number=number, proposals=(*accepted, Proposal(text="?", reason="empty")), calls=(call("M"),)
        )


class TestElite:
    def test_it_is_the_best_of_those_that_ran_their_race_best_first(self) -> None:
        scores = [(candidate(str(i)), i / 10) for i in range(8)]
        found = elite(of(*scores, (candidate("dropped"), -0.99)))
        assert [entry.solution.instruction for entry in found] == ["7", "6", "5", "4", "3"]
        assert len(found) == ELITE

    def test_an_instruction_is_shown_once_as_it_scored_best_and_proposed_without_shots(self) -> None:
        steps = (
            step(0, (candidate("a"), 0.5), (candidate("b"), 0.3)),
            step(1, (candidate("b", 1, 2), 0.8), (candidate("a", 1), 0.4), (candidate("c", 3), -0.9)),
        )
        found = best_of_each_instruction(trajectory(*steps))
        assert [(e.solution, e.score.value) for e in found.ascending()] == [
            (candidate("a"), 0.5),
            (candidate("b", 1, 2), 0.8),
        ]
        assert {p.solution for p in found.proposals()} == {candidate("a"), candidate("b"), candidate("c")}


class TestJoined:
    BEST = of((candidate("a", 1, 2), 0.9), (candidate("b", 3), 0.8), (candidate("c"), 0.7))

    def test_what_is_written_gets_the_shots_of_one_of_the_best(self) -> None:
        texts = tuple(f"new {i}" for i in range(30))
        found = WithShots(inner=Fixed(texts), seed=0).propose(self.BEST, 1, 30)
        shots = {p.solution.shots for p in found.proposals if p.solution}
        assert shots == {(shot(1), shot(2)), (shot(3),), ()}
        assert [p.solution.instruction for p in found.proposals if p.solution] == list(texts)
        assert found.proposals[-1] == Proposal(text="?", reason="empty")
        assert found.calls == (call("M"),)

    def test_the_writer_sees_instructions_alone(self) -> None:
        inner = Fixed(("new",))
        WithShots(inner=inner, seed=0).propose(self.BEST, 1, 1)
        shown = inner.shown[0]
        assert [e.solution.instruction for e in shown.ascending()] == list("cba")
        assert {p.solution for p in shown.proposals()} == set(map(candidate, "abc"))

    def test_the_partners_follow_seed_and_step(self) -> None:
        texts = tuple(f"new {i}" for i in range(12))
        first, again, other, later = (
            WithShots(inner=Fixed(texts), seed=seed).propose(self.BEST, number, 12).proposals
            for seed, number in ((0, 1), (0, 1), (1, 1), (0, 2))
        )
        assert first == again
        assert first not in (other, later)


class TestGuarded:
    def test_what_is_not_worth_scoring_is_rejected_with_the_reason(self) -> None:
        asked: list[tuple[Sequence[str], Sequence[str]]] = []

        class Strict(InstructionFilter):
            def reasons(self, texts: Sequence[str], earlier: Sequence[str]) -> list[Reason | None]:
                asked.append((texts, earlier))
                return ["nonsense" if text == "gfdhj" else None for text in texts]

        strict = Strict(engine=ScriptedEngine(), task=mail_task())
        guarded = Filtered(inner=Fixed(("Sort.", "gfdhj")), guard=strict)
        found = guarded.propose(of((candidate("a", 1), 0.5)), 2, 2)
        assert [(p.text, p.solution, p.reason) for p in found.proposals] == [
            ("Sort.", candidate("Sort."), None),
            ("gfdhj", None, "nonsense"),
            ("?", None, "empty"),
        ]
        assert asked == [(["Sort.", "gfdhj"], ["a"])]
