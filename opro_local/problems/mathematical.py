"""A mathematical objective as a Problem of the loop (Yang et al. 2023, section 3)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opro_local.config import SearchSettings
from opro_local.errors import OproError
from opro_local.llm import Message
from opro_local.problem import MetaPrompt, Watcher
from opro_local.problems.objective import Numbers, Objective
from opro_local.recording import OutcomeLedger
from opro_local.records import Direction, Score, Scored, Step, Trajectory

PARAGRAPH_END = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class MathematicalProblem:
    """opro_local.problem.Problem[Numbers]: the smaller the value the better."""

    objective: Objective
    search: SearchSettings
    watcher: Watcher

    @property
    def direction(self) -> Direction:
        return "minimize"

    def starts(self) -> Sequence[Numbers]:
        return self.objective.starts()

    def meta_prompts(self, trajectory: Trajectory[Numbers], step: int) -> Iterator[MetaPrompt]:
        """With the best solutions, the best of all last; with fewer and fewer of them."""
        best = trajectory.ascending()[-self.search.shown :]
        while True:
            yield self._meta_prompt(best)
            if len(best) <= 1:
                return
            best = best[len(best) - len(best) * 3 // 4 :]

    def _meta_prompt(self, shown: Sequence[Scored[Numbers]]) -> MetaPrompt:
        objective = self.objective
        blocks = [objective.brief(), *map(self._pair, shown), objective.request()]
        return MetaPrompt(
            messages=(Message("user", PARAGRAPH_END.join(blocks)),),
            prefill=f"{PARAGRAPH_END}{self._named()}",
            ends=(objective.closing, PARAGRAPH_END),
        )

    def _pair(self, entry: Scored[Numbers]) -> str:
        objective = self.objective
        solution = f"{self._named()}{objective.show(entry.solution)}{objective.closing}"
        return f"{solution}\n{objective.measure}: {objective.show_value(entry.score.value)}"

    def _named(self) -> str:
        noun = f"{self.objective.noun}: " if self.objective.noun else ""
        return f"{noun}{self.objective.opening}"

    def parse(self, reply: str) -> Numbers:
        return self.objective.parse(reply)

    def fits(self, solution: Numbers) -> bool:
        return True

    def longest_reply(self) -> int:
        return self.objective.longest_reply()

    def key(self, solution: Numbers) -> str:
        return self.encode(solution)

    def shown(self, solution: Numbers) -> str:
        return self.objective.show(solution)

    def encode(self, solution: Numbers) -> str:
        return json.dumps(solution)

    def decode(self, text: str) -> Numbers:
        """Raises ValueError for what is no solution."""
        solution = tuple(json.loads(text))
        if not _are_numbers(solution) or len(solution) != len(self.objective.starts()[0]):
            raise ValueError("no solution of this objective")
        return solution

    def evaluate(
        self, step: Step[Numbers], trajectory: Trajectory[Numbers], ledger: OutcomeLedger
    ) -> list[Scored[Numbers]]:
        scored = [
            Scored(solution=solution, score=Score(value=self.objective.value(solution)), step=step.number)
            for solution in step.solutions
        ]
        self.watcher.block_scored("train", len(scored))
        return scored

    def solved(self, trajectory: Trajectory[Numbers]) -> bool:
        return any(map(self.objective.solved_by, {entry.solution for entry in trajectory.scored}))

    def finish(self, trajectory: Trajectory[Numbers], ledger: OutcomeLedger) -> None:
        """Nothing is left to measure. Raises OproError where no solution has a value."""
        if trajectory.scored and trajectory.best is None:
            raise OproError(
                f"The function has no value at any of the {len(trajectory.scored)} points that were tried. "
                "Let it return finite numbers, or narrow the limits."
            )


def _are_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
