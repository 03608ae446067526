"""What a run on a mathematical objective found, beside what well-known methods find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from opro_local.problems.objectives import objective_class
from opro_local.results.overview import finite
from opro_local.results.proposals import ProposalRecord, numbers
from opro_local.store.header import RunHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveFindings:
    """settings are the objective's fields, references what other methods find on the same data.

    gap is how much the best value exceeds the optimum, as a share of it; None where none is known. solved_at
    is the first step with a solution that nothing can beat; explored counts different ones.
    """

    settings: Mapping[str, object]
    optimum: float | None
    gap: float | None
    solved_at: int | None
    explored: int
    references: Mapping[str, float | None]
    published: Sequence[str]


def objective_findings(header: RunHeader, entries: Sequence[ProposalRecord]) -> ObjectiveFindings:
    objective = objective_class(header.kind).model_validate_json(header.problem_json)
    scored = [entry for entry in entries if entry.score is not None]
    values = [entry.score.value for entry in scored if entry.score is not None]
    solved = [e.step for e in scored if objective.solved_by(numbers(e.solution or "[]"))]
    optimum, best = objective.optimum(), min(values, default=None)
    return ObjectiveFindings(
        settings=objective.model_dump(mode="json"),
        optimum=optimum,
        gap=finite((best - optimum) / optimum) if optimum and best is not None else None,
        solved_at=min(solved, default=None),
        explored=len({entry.key for entry in scored}),
        references={name: finite(value) for name, value in objective.references().items()},
        published=list(objective.published()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Mean and sample deviation; the deviation of one value is not known."""

    mean: float
    deviation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Runs on the same objective with other data together; steps only of those that solved the problem."""

    repeats: int
    solved: int
    steps: Spread | None
    explored: Spread | None
    gap: Spread | None
    published: Sequence[str]


def repeats_of(found: Sequence[ObjectiveFindings]) -> Repeats:
    steps = [each.solved_at for each in found if each.solved_at is not None]
    return Repeats(
        repeats=len(found),
        solved=len(steps),
        steps=_spread(steps),
        explored=_spread([each.explored for each in found]),
        gap=_spread([each.gap for each in found if each.gap is not None]),
        published=found[0].published,
    )


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    return Spread(mean=mean(values), deviation=stdev(values) if len(values) > 1 else None)
