"""When a search stops, and what it will cost at most."""

from collections.abc import Sequence

from opro_local.config import (
    BUDGETS,
    HEADROOM_CANDIDATES,
    SHORTER_FINALISTS,
    BudgetSettings,
    Method,
    RunSettings,
    SearchSettings,
)
from opro_local.problem import Estimate
from opro_local.records import S, Trajectory, Usage

RIVALS: Sequence[Method] = ("one-step", "random")
"""Searches at equal budget with all baselines."""


def stop_reason(settings: BudgetSettings, usage: Usage, trajectory: Trajectory[S]) -> str | None:
    """Why the search ends before its next step; None while it goes on."""
    limits: Sequence[tuple[str, float, float | None]] = (
        ("steps", usage.steps, settings.steps),
        ("scored pairs", usage.pairs, settings.max_pairs),
        ("tokens", usage.tokens, settings.max_tokens),
        ("seconds", usage.seconds, settings.max_seconds),
        ("steps without progress", steps_without_progress(trajectory), settings.patience),
    )
    for name, used, limit in limits:
        if limit is not None and used >= limit:
            return f"budget of {limit:g} {name} used"
    if settings.target is not None and _reached(trajectory, settings.target):
        return f"target {settings.target:g} reached"
    return None


def steps_without_progress(trajectory: Trajectory[S]) -> int:
    """Closed steps since the best score last improved."""
    if trajectory.best is None:
        return 0
    return trajectory.steps[-1].number - trajectory.best.step


def _reached(trajectory: Trajectory[S], target: float) -> bool:
    if trajectory.best is None:
        return False
    value = trajectory.best.score.value
    return value >= target if trajectory.direction == "maximize" else value <= target


def planned_pairs(settings: RunSettings) -> int:
    """What a search on a CPU scores on train at most; known before a model is loaded."""
    budget = settings.budget
    preset = BUDGETS[budget.preset or "light"]
    steps = preset.steps if budget.steps is None else budget.steps
    rows = preset.train_rows if budget.train_rows is None else budget.train_rows
    return steps * settings.search.proposals_per_step * rows


def estimate(
    search: SearchSettings,
    steps: int,
    *,
    rows: tuple[int, int, int],
    starts: int,
    worked: int,
    tokens_per_pair: float,
    must_stay: int = 0,
) -> Estimate:
    """Upper bound for a task run on rows = (train, validation, test), before anything is rejected.

    worked rows are answered for shots; must_stay rows by all finalists.
    """
    train, validation, test = rows
    proposals = steps * search.proposals_per_step
    rivals = len(RIVALS) if search.baselines == "full" else 0
    scored = starts + (1 + rivals) * proposals
    validated = (
        starts + steps // search.validate_every * search.proposals_per_step if search.validate_every else 0
    )
    winners = min(search.finalists + SHORTER_FINALISTS, proposals) + starts
    finalists = winners + rivals * search.finalists
    baselines = starts + 1 + len(search.compare_with) + rivals
    pairs = (
        HEADROOM_CANDIDATES * min(search.headroom, train)
        + worked
        + scored * train
        + (validated + finalists + search.sensitivity) * validation
        + (1 + len(search.compare_with)) * (train + validation)
        + winners * must_stay
        + (baselines + 1) * test
    )
    return Estimate(
        pairs=pairs,
        scorer_tokens=round(pairs * tokens_per_pair),
        optimizer_tokens=(2 if rivals else 1) * proposals * search.proposal_tokens,
        test_rows=test,
    )
