"""Protocols of what a run writes and reads back. store/ implements them with SQLite; tests may use memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from opro_local.effort import EngineStats
from opro_local.llm import ChoiceReply, GenerationReply
from opro_local.records import (
    Candidate,
    Example,
    Outcome,
    S,
    Score,
    Scored,
    SplitName,
    Step,
    Trajectory,
    Usage,
)

EventKind = Literal["add", "ban", "ban pattern", "unban", "pause", "continue", "extend", "stop"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person asked of a run.

    step is the one that heard it, None until then, and block how many of its blocks were scored by then. The
    text of "extend" is an amount and a limit, "5 steps".
    """

    id: int
    created: str
    kind: EventKind
    text: str
    step: int | None = None
    block: int | None = None


class EventArrived(Exception):
    """People have asked something of the step that is being scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A candidate measured after the search: role says what for ("validation", "winner", "start", ...)."""

    role: str
    split: SplitName
    candidate: Candidate
    score: Score


class OutcomeLedger(Protocol):
    """What evaluating reads and writes. A scored block is one transaction: it is kept whole or not at all.

    Blocks of test are refused until the test is open.
    """

    def open_test(self, winner: Candidate, rows: Sequence[Example]) -> None:
        """Fix the winner, and note that these test rows are used; once, also when a run is resumed."""
        ...

    def fixed_winner(self) -> Candidate | None:
        """Once it is fixed."""
        ...

    def test_is_open(self) -> bool:
        """Whether the winner is fixed, so that test rows may be read."""
        ...

    def outcomes(self, candidate_key: str, split: str) -> Mapping[str, Outcome]:
        """What is recorded already for this candidate on this split, by example id."""
        ...

    def record_block(self, split: str, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        """Keep one scored block: candidate key -> its outcomes.

        May raise Interrupted after it is saved, or Asked, if a step is open.
        """
        ...

    def evaluations(self) -> list[Evaluation]:
        """The evaluations recorded so far, in order."""
        ...

    def record_evaluation(self, evaluation: Evaluation) -> None: ...


@dataclass(frozen=True, slots=True)
class NullLedger:
    """An OutcomeLedger for measurements that are not part of a run: what they measure is fixed before."""

    after_block: Callable[[], None]

    def open_test(self, winner: Candidate, rows: Sequence[Example]) -> None: ...

    def fixed_winner(self) -> Candidate | None:
        return None

    def test_is_open(self) -> bool:
        return True

    def outcomes(self, candidate_key: str, split: str) -> Mapping[str, Outcome]:
        return {}

    def record_block(self, split: str, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        self.after_block()

    def evaluations(self) -> list[Evaluation]:
        return []

    def record_evaluation(self, evaluation: Evaluation) -> None: ...


class RunStore(OutcomeLedger, Protocol[S]):
    """One run. A step is opened with its proposals and closed with their scores, a transaction each."""

    def trajectory(self) -> Trajectory[S]:
        """The closed steps."""
        ...

    def open_step(self) -> Step[S] | None:
        """The step whose proposals are recorded but not all scored, if a run was cut off there."""
        ...

    def hear(self, number: int) -> list[Event]:
        """All that people have asked until now, in order; what no step has heard yet, this one hears."""
        ...

    def events(self) -> list[Event]:
        """All that people have asked until now, in order."""
        ...

    def idle(self, seconds: float) -> None:
        """Let time pass that the run does not count. May raise Interrupted."""
        ...

    def record_proposals(self, step: Step[S]) -> None:
        """Open a step, or change the proposals of the open one. May raise Interrupted after it is saved."""
        ...

    def close_step(self, number: int, scored: Sequence[Scored[S]]) -> None: ...

    def usage(self) -> Usage:
        """What the run has consumed, seconds of earlier processes included."""
        ...

    def record_effort(self, effort: EngineStats) -> None:
        """Keep what scoring and decoding took in this process."""
        ...

    def stopped(self) -> str | None:
        """Why the search ended, once it has; a run that has stopped proposes nothing more."""
        ...

    def record_stop(self, reason: str) -> None: ...

    def record_finish(self) -> None:
        """The run is complete: everything that its report needs is in the file."""
        ...


class ReplyCache(Protocol):
    """Model replies by key, shared by runs. Nothing that failed is ever put into it."""

    def find(self, keys: Sequence[str]) -> Mapping[str, ChoiceReply | GenerationReply]: ...

    def keep(self, replies: Mapping[str, ChoiceReply | GenerationReply]) -> None:
        """One transaction; a key that is there already keeps its value."""
        ...
