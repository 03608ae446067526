"""A result's steps as curves and tables need them: scores by step, and what was measured later."""

from collections.abc import Iterator

from opro_local.results.overview import Measured, Numbers, Overview, Prompt, ProposalResult
from opro_local.results.trajectory import gain


def proposals_of(run: Overview) -> Iterator[tuple[int, ProposalResult]]:
    """Every proposal with its step."""
    return ((step.number, proposal) for step in run.steps for proposal in step.proposals)


def scores_of(run: Overview, *, dropped: bool) -> list[tuple[int, float]]:
    """Step and score of the candidates that stayed to the end of their race, or of those that left it."""
    return [
        (step, proposal.score.value)
        for step, proposal in proposals_of(run)
        if proposal.score and proposal.dropped == dropped and proposal.score.value is not None
    ]


def whole_scores(run: Overview) -> list[tuple[int, list[float]]]:
    """Each step with the scores of the candidates that stayed to the end of their race."""
    found: dict[int, list[float]] = {step.number: [] for step in run.steps}
    for step, value in scores_of(run, dropped=False):
        found[step].append(value)
    return list(found.items())


def later_values(run: Overview) -> dict[tuple[str, str], float | None]:
    """What was measured beyond train, during the search or after it: (split, key) -> value."""
    measured: list[Measured] = [*run.baselines, *run.periodic, *run.finalists]
    values: dict[tuple[str, str], float | None] = {(e.split, e.key): e.value for e in measured}
    for split, held in (("validation", run.validation), ("test", run.test)):
        if held is not None and run.best is not None:
            values[split, run.best.key] = held.value
    return values


def calibrations_of_test(run: Overview) -> dict[str, Numbers]:
    """Of what was measured on test, the calibration that it was scored with there, by key."""
    found = {e.key: e.calibration for e in run.baselines}
    return found | ({run.best.key: run.best.calibration} if isinstance(run.best, Prompt) and run.test else {})


def best_start(run: Overview) -> Measured | None:
    """The start that is best on validation, as it did on test; of equal ones the first."""
    keys = {proposal.key for step in run.steps[:1] for proposal in step.proposals}
    validated = {f.key: f.value for f in run.finalists if f.value is not None}
    starts = [b for b in run.baselines if b.key in keys and b.key in validated]
    return max(starts, key=lambda start: gain(validated[start.key], run.direction), default=None)
