"""Interleaved repetitions, and the fp32 reference that every contestant's scores are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.contestants import Contestant, Scores, Trial
from bench.deadline import Deadline, TooSlow
from bench.workloads import Step
from opro_local.engine.loading import load_folder
from opro_local.engine.local import LocalEngine

WARM_UP_PAIRS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A contestant's repetitions of a step; difference is the largest to the reference, if it scored.

    One that was cut off before it had done a single one has none, and bound is how long it had run.
    """

    trials: tuple[Trial, ...]
    difference: float | None
    bound: float | None = None

    @property
    def cut_off(self) -> bool:
        return self.bound is not None

    @property
    def seconds(self) -> float:
        """The median, or what it takes more than."""
        return self.bound if self.bound is not None else median(trial.seconds for trial in self.trials)


Reference = Mapping[int, tuple[float, ...]]
"""The right scores of some pairs of a step, by their index."""


def race(
    contestants: Sequence[Contestant],
    step: Step,
    *,
    repeat: int,
    reference: Reference,
    seconds: float | None = None,
) -> dict[str, Result]:
    """All contestants that take the step, turn about, after each has warmed up on a few pairs.

    One that has used its seconds, the warm-up included, takes no further turn.
    """
    running = [_Runner(contestant, seconds) for contestant in contestants if contestant.takes(step)]
    for runner in running:
        runner.warm_up(step)
    for _ in range(repeat):
        for runner in running:
            runner.turn(step)
    return {runner.contestant.name: runner.result(reference) for runner in running}


@dataclass(slots=True)
class _Runner:
    """A contestant in a race, with what is left of its seconds."""

    contestant: Contestant
    left: float | None
    trials: list[Trial] = field(default_factory=list)
    bound: float | None = None

    def warm_up(self, step: Step) -> None:
        self._run(step.first(WARM_UP_PAIRS))

    def turn(self, step: Step) -> None:
        if self.bound is None and (not self.trials or self.left is None or self.left > 0):
            trial = self._run(step)
            self.trials += [trial] if trial else []

    def result(self, reference: Reference) -> Result:
        if not self.trials:
            return Result(trials=(), difference=None, bound=self.bound)
        difference = largest_difference(self.trials[0].scores, reference)
        return Result(trials=tuple(self.trials), difference=difference)

    def _run(self, step: Step) -> Trial | None:
        deadline = Deadline.after(self.left)
        try:
            return self.contestant.run(step, deadline)
        except TooSlow as slow:
            self.bound = slow.seconds
            return None
        finally:
            self.left = deadline.left


def references(folder: Path, steps: Sequence[Step], pairs: int) -> list[Reference]:
    """Up to so many pairs of each step by the model in fp32 without any reuse; it is loaded only for this."""
    if not pairs:
        return [{} for _ in steps]
    loaded = load_folder(folder, quantize="fp32", device="auto")
    engine = LocalEngine(loaded, digest="reference", level="E0")
    return [_reference(engine, step, pairs) for step in steps]


def largest_difference(scores: Scores, reference: Reference) -> float | None:
    """In nats; None without scores, NaN if one is no number."""
    gaps = [
        abs(a - b)
        for index, right in (reference.items() if scores else ())
        for a, b in zip(scores[index], right, strict=True)
    ]
    return next((gap for gap in gaps if gap != gap), max(gaps, default=None))


def _reference(engine: LocalEngine, step: Step, pairs: int) -> Reference:
    picked = spread(len(step.choices), pairs)
    replies = engine.loglikelihood([step.choices[i] for i in picked])
    return {i: reply.log_probs for i, reply in zip(picked, replies, strict=True)}


def spread(total: int, wanted: int) -> list[int]:
    """At most so many of the numbers below total, evenly spread."""
    few = min(total, wanted)
    return [i * total // few for i in range(few)]
