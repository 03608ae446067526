"""Interleaved repetitions, and the fp32 reference that every contestant's scores are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.contestants import Contestant, Scores, Trial
from bench.workloads import Step
from opro_local.engine.loading import load_folder
from opro_local.engine.local import LocalEngine

WARM_UP_PAIRS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A contestant's repetitions of a step; difference is the largest to the reference, if it scored."""

    trials: tuple[Trial, ...]
    difference: float | None

    @property
    def seconds(self) -> float:
        return median(trial.seconds for trial in self.trials)


Reference = Mapping[int, tuple[float, ...]]
"""The right scores of some pairs of a step, by their index."""


def race(
    contestants: Sequence[Contestant], step: Step, *, repeat: int, reference: Reference
) -> dict[str, Result]:
    """All contestants that take the step, turn about, after each has warmed up on a few pairs."""
    taking = [contestant for contestant in contestants if contestant.takes(step)]
    for contestant in taking:
        contestant.run(step.first(WARM_UP_PAIRS))
    rounds = [[contestant.run(step) for contestant in taking] for _ in range(repeat)]
    return {
        contestant.name: Result(
            trials=tuple(trials), difference=largest_difference(trials[0].scores, reference)
        )
        for contestant, *trials in zip(taking, *rounds, strict=True)
    }


def references(folder: Path, steps: Sequence[Step], pairs: int) -> list[Reference]:
    """Up to so many pairs of each step by the model in fp32 without any reuse; it is loaded only for this."""
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
