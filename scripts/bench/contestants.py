"""What takes part in a bench: it scores or continues the prompts of a step and tells how long that took."""

from dataclasses import dataclass
from typing import Protocol

from bench.deadline import UNBOUNDED, Deadline
from bench.workloads import Step

Scores = tuple[tuple[float, ...], ...]
"""The log-probability of every choice of every pair, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One repetition; scores are empty where answers were generated."""

    seconds: float
    scores: Scores


class Contestant(Protocol):
    """Starts every step cold: whatever an earlier one left behind is forgotten first."""

    @property
    def name(self) -> str: ...

    def takes(self, step: Step) -> bool: ...

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        """Raises TooSlow; the engine, whose turns are short, comes to its end in any case."""
        ...
