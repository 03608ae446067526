"""A run in memory: opro_local.recording.RunStore without a file, for tests of what writes into one."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from opro_local.effort import EngineStats
from opro_local.errors import SealedTest, StoreError
from opro_local.recording import Evaluation, Event, EventArrived
from opro_local.records import Candidate, Direction, Example, Outcome, S, Scored, Step, Trajectory, Usage


@dataclass(kw_only=True)
class MemoryStore(Generic[S]):
    """blocks lists what was recorded, as (split, candidate keys, example ids)."""

    direction: Direction = "maximize"
    after_commit: Callable[[], None] = lambda: None
    seconds: float = 0.0
    steps: list[Step[S]] = field(default_factory=list)
    opened: Step[S] | None = None
    stop: str | None = None
    finished: bool = False
    blocks: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    measured: list[Evaluation] = field(default_factory=list)
    winner: Candidate | None = None
    asked: list[Event] = field(default_factory=list)
    blocks_of_step: int = 0
    efforts: list[EngineStats] = field(default_factory=list)
    kept: dict[tuple[str, str], dict[str, Outcome]] = field(default_factory=lambda: defaultdict(dict))

    def trajectory(self) -> Trajectory[S]:
        return Trajectory(direction=self.direction, steps=tuple(self.steps))

    def open_step(self) -> Step[S] | None:
        return self.opened

    def events(self) -> list[Event]:
        return list(self.asked)

    def hear(self, number: int) -> list[Event]:
        block = self.blocks_of_step if self.opened else 0
        self.asked = [replace(e, step=number, block=block) if e.step is None else e for e in self.asked]
        return self.events()

    def idle(self, seconds: float) -> None:
        self.after_commit()

    def record_proposals(self, step: Step[S]) -> None:
        assert self.opened is None or self.opened.number == step.number, "one step at a time is open"
        if self.opened is None:
            self.blocks_of_step = 0
        self.opened = step
        self.after_commit()

    def close_step(self, number: int, scored: Sequence[Scored[S]]) -> None:
        assert self.opened is not None
        assert self.opened.number == number == len(self.steps)
        self.steps.append(replace(self.opened, scored=tuple(scored)))
        self.opened = None

    def usage(self) -> Usage:
        outcomes = [outcome for kept in self.kept.values() for outcome in kept.values()]
        asked = sum(outcome.prompt_tokens + outcome.generated_tokens for outcome in outcomes)
        tokens = sum(step.tokens for step in self.steps)
        steps = sum(step.number > 0 for step in self.steps)
        return Usage(
            steps=steps,
            pairs=len(outcomes),
            scorer_tokens=asked,
            optimizer_tokens=tokens,
            seconds=self.seconds,
        )

    def stopped(self) -> str | None:
        return self.stop

    def record_effort(self, effort: EngineStats) -> None:
        self.efforts.append(effort)

    def record_stop(self, reason: str) -> None:
        self.stop = reason

    def record_finish(self) -> None:
        self.finished = True

    def open_test(self, winner: Candidate, rows: Sequence[Example]) -> None:
        if self.winner is not None and self.winner.key != winner.key:
            raise StoreError("another winner was fixed before")
        self.winner = self.winner or winner

    def fixed_winner(self) -> Candidate | None:
        return self.winner

    def test_is_open(self) -> bool:
        return self.winner is not None

    def outcomes(self, candidate_key: str, split: str) -> Mapping[str, Outcome]:
        return dict(self.kept[candidate_key, split])

    def record_block(self, split: str, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        if split == "test" and self.winner is None:
            raise SealedTest("test is sealed until the winner is fixed")
        ids = tuple(outcome.example_id for outcome in next(iter(outcomes.values())))
        self.blocks.append((split, tuple(outcomes), ids))
        for key, block in outcomes.items():
            for outcome in block:
                self.kept[key, split].setdefault(outcome.example_id, outcome)
        self.blocks_of_step += 1
        self.after_commit()
        if self.opened and any(event.step is None for event in self.asked):
            raise EventArrived

    def evaluations(self) -> list[Evaluation]:
        return list(self.measured)

    def record_evaluation(self, evaluation: Evaluation) -> None:
        self.measured.append(evaluation)
