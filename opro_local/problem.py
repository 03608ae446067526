"""What the loop optimises (Problem) and where proposals come from (Proposer).

The task problem, linear regression and the travelling salesman are three Problems; OPRO's optimizer is one
Proposer. The loop knows nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from opro_local.effort import EngineStats
from opro_local.llm import Message
from opro_local.recording import OutcomeLedger
from opro_local.records import Direction, Reason, S, Scored, SplitName, Step, Trajectory

if TYPE_CHECKING:
    from opro_local.evidence.headroom import Headroom
    from opro_local.evidence.judge_record import JudgeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaPrompt:
    """What the optimizer LLM reads. Its reply begins with prefill; the solution ends at the first of ends."""

    messages: tuple[Message, ...]
    prefill: str
    ends: tuple[str, ...]
    exemplar_ids: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The meta-prompt as shown in reports."""
        turns = "\n\n".join(message.content for message in self.messages)
        return f"{turns}\n\n{self.prefill}" if self.prefill else turns


def solution_end(text: str, ends: tuple[str, ...]) -> int | None:
    """Where the solution ends in the text so far; leading blanks do not end it. None while it goes on."""
    start = len(text) - len(text.lstrip())
    found = [position for end in ends if (position := text.find(end, start)) >= 0]
    return min(found, default=None)


class Rejected(Exception):
    """A text that holds no solution; the reason is counted and shown."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Problem(Protocol[S]):
    """Anything that the OPRO loop can optimise."""

    @property
    def direction(self) -> Direction: ...

    def starts(self) -> Sequence[S]:
        """The starting solutions, scored as step 0."""
        ...

    def meta_prompts(self, trajectory: Trajectory[S], step: int) -> Iterator[MetaPrompt]:
        """What the optimizer may read at this step, the fullest first: the first that fits is used.

        The same for the same arguments.
        """
        ...

    def parse(self, reply: str) -> S:
        """The solution in the optimizer's reply (what stands between prefill and end). Raises Rejected."""
        ...

    def fits(self, solution: S) -> bool:
        """Whether what it is scored with has room for it."""
        ...

    def longest_reply(self) -> int:
        """Characters after which no reply can be accepted any more, so that sampling may stop."""
        ...

    def key(self, solution: S) -> str:
        """Two solutions with the same key are the same proposal."""
        ...

    def shown(self, solution: S) -> str:
        """What a person reads of a solution."""
        ...

    def encode(self, solution: S) -> str:
        """JSON for the store; decode(encode(s)) == s."""
        ...

    def decode(self, text: str) -> S: ...

    def evaluate(self, step: Step[S], trajectory: Trajectory[S], ledger: OutcomeLedger) -> list[Scored[S]]:
        """Score a step's solutions, recording what is worth keeping block by block; one entry each, in order.

        trajectory holds the steps before.
        """
        ...

    def solved(self, trajectory: Trajectory[S]) -> bool:
        """Whether nothing better can be found, so that the search may end."""
        ...

    def finish(self, trajectory: Trajectory[S], ledger: OutcomeLedger) -> None:
        """What is measured once, after the last step; records its evaluations in the ledger."""
        ...


class Proposer(Protocol[S]):
    """Turns a trajectory into proposals, each accepted or rejected with a reason."""

    def propose(self, trajectory: Trajectory[S], number: int, count: int) -> Step[S]:
        """The step with this number: at most count proposals, not scored yet.

        Fewer when it knows no more. The same for the same arguments.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The most that a run can ask of the models: scored pairs, their tokens, optimizer tokens.

    memory has one line a model. minimum_detectable_gain is the smallest gain in the task's metric that a
    comparison on test_rows proves with 80 % power: infinite if it proves none, None where that depends on the
    answers. rare has a line on labels that a part lacks.
    """

    pairs: int
    scorer_tokens: int
    optimizer_tokens: int
    test_rows: int
    minimum_detectable_gain: float | None = None
    metric: str = "accuracy"
    memory: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()


class Watcher(Protocol):
    """Is told what happens during a run; shows it to a person."""

    def started(self, run_id: str, cost: Estimate) -> None: ...
    def metered(self, effort: Callable[[], EngineStats]) -> None:
        """effort says what scoring has taken since the run was started here; at first in a second."""
        ...

    def rows_left_out(self, ids: Sequence[str], context: int) -> None:
        """These rows are longer than the scorer's context of so many tokens."""
        ...

    def judge_measured(self, judge: "JudgeRecord") -> None:
        """Before its first grade; in this run or in an earlier part of it."""
        ...

    def headroom_found(self, found: "Headroom") -> None: ...
    def step_opened(self, step: Step[Any]) -> None: ...
    def block_scored(self, split: SplitName, pairs: int) -> None: ...
    def step_closed(self, trajectory: Trajectory[Any]) -> None: ...
    def paused(self) -> None: ...
    def finished(self, searches: int) -> None:
        """So many of a command's several searches are done."""
        ...

    def tell(self, line: str) -> None:
        """Something that a person should know in any case; the run goes on."""
        ...


class NullWatcher:
    """A Watcher that shows nothing."""

    def started(self, run_id: str, cost: Estimate) -> None: ...
    def metered(self, effort: Callable[[], EngineStats]) -> None: ...
    def rows_left_out(self, ids: Sequence[str], context: int) -> None: ...
    def judge_measured(self, judge: "JudgeRecord") -> None: ...
    def headroom_found(self, found: "Headroom") -> None: ...
    def step_opened(self, step: Step[Any]) -> None: ...
    def block_scored(self, split: SplitName, pairs: int) -> None: ...
    def step_closed(self, trajectory: Trajectory[Any]) -> None: ...
    def paused(self) -> None: ...
    def finished(self, searches: int) -> None: ...
    def tell(self, line: str) -> None: ...
