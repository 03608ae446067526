"""A problem that is not a task: find the whole number whose square is nearest to 50."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from opro_local.llm import Message
from opro_local.problem import MetaPrompt, Rejected
from opro_local.recording import OutcomeLedger
from opro_local.records import Direction, Outcome, Score, Scored, Step, Trajectory


@dataclass
class SquareRoot:
    """opro_local.problem.Problem[int]; finished lists the best solutions that finish was called with.

    known: whether it knows that 7 is the solution.
    """

    finished: list[int] = field(default_factory=list)
    direction: Direction = "minimize"
    most_shown: int = 3
    known: bool = False

    def starts(self) -> Sequence[int]:
        return [1, 20]

    def meta_prompts(self, trajectory: Trajectory[int], step: int) -> Iterator[MetaPrompt]:
        for shown in range(self.most_shown, 0, -1):
            pairs = [f"{s.solution}: {s.score.value:g}" for s in trajectory.ascending()[-shown:]]
            yield MetaPrompt(messages=(Message("user", "\n".join(pairs)),), prefill="", ends=("\n",))

    def parse(self, reply: str) -> int:
        if not reply.strip().isdecimal():
            raise Rejected("wrong number of numbers")
        return int(reply)

    def fits(self, solution: int) -> bool:
        return True

    def longest_reply(self) -> int:
        return 5

    def key(self, solution: int) -> str:
        return str(solution)

    def shown(self, solution: int) -> str:
        return str(solution)

    def encode(self, solution: int) -> str:
        return str(solution)

    def decode(self, text: str) -> int:
        return int(text)

    def evaluate(
        self, step: Step[int], trajectory: Trajectory[int], ledger: OutcomeLedger
    ) -> list[Scored[int]]:
        for solution in step.solutions:
            ledger.record_block("train", {str(solution): [self._outcome(solution)]})
        return [
            Scored(solution=s, score=Score(value=abs(s * s - 50)), step=step.number) for s in step.solutions
        ]

    def solved(self, trajectory: Trajectory[int]) -> bool:
        return self.known and any(entry.solution == 7 for entry in trajectory.scored)

    def finish(self, trajectory: Trajectory[int], ledger: OutcomeLedger) -> None:
        assert trajectory.best is not None
        self.finished.append(trajectory.best.solution)

    def _outcome(self, solution: int) -> Outcome:
        return Outcome(example_id=str(solution), target="", prediction=None, score=0.0, reason="-")
