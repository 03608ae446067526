import pytest

from opro_local.budget import estimate, steps_without_progress, stop_reason
from opro_local.config import BudgetSettings, SearchSettings
from opro_local.problem import Estimate
from opro_local.records import Direction, Score, Scored, Step, Trajectory, Usage


def trajectory(*values: float, direction: Direction = "maximize") -> Trajectory[int]:
    steps = [
        Step(number=i, proposals=(), scored=(Scored(solution=i, score=Score(value=v), step=i),))
        for i, v in enumerate(values)
    ]
    return Trajectory(direction=direction, steps=tuple(steps))


def reason(usage: Usage, *values: float, **limits: object) -> str | None:
    return stop_reason(BudgetSettings.model_validate(limits), usage, trajectory(*values))


def test_a_search_without_limits_goes_on() -> None:
    assert reason(Usage(steps=10**6, pairs=10**9, seconds=1e9)) is None


@pytest.mark.parametrize(
    ("limit", "below", "reached", "words"),
    [
        ("steps", Usage(steps=4), Usage(steps=5), "steps"),
        ("max_pairs", Usage(pairs=4), Usage(pairs=5), "scored pairs"),
        (
            "max_tokens",
            Usage(scorer_tokens=2, optimizer_tokens=2),
            Usage(scorer_tokens=2, optimizer_tokens=3),
            "tokens",
        ),
        ("max_seconds", Usage(seconds=4.9), Usage(seconds=5.0), "seconds"),
    ],
)
def test_a_search_stops_where_a_limit_is_reached(
    limit: str, below: Usage, reached: Usage, words: str
) -> None:
    assert reason(below, **{limit: 5}) is None
    assert reason(reached, **{limit: 5}) == f"budget of 5 {words} used"


def test_a_budget_of_no_steps_is_used_at_once() -> None:
    assert reason(Usage(), steps=0) == "budget of 0 steps used"


def test_patience_counts_closed_steps_since_the_best_improved() -> None:
    assert steps_without_progress(trajectory(0.5, 0.7, 0.7, 0.6)) == 2
    assert reason(Usage(), 0.5, 0.7, 0.7, patience=2) is None
    assert reason(Usage(), 0.5, 0.7, 0.7, 0.6, patience=2) == "budget of 2 steps without progress used"


def test_nothing_scored_is_no_lack_of_progress() -> None:
    assert steps_without_progress(trajectory()) == 0
    assert reason(Usage(), patience=1, target=0.0) is None


@pytest.mark.parametrize(("direction", "short", "enough"), [("maximize", 0.79, 0.8), ("minimize", 0.81, 0.8)])
def test_a_target_is_reached_in_the_direction_of_the_metric(
    direction: Direction, short: float, enough: float
) -> None:
    budget = BudgetSettings(target=0.8)
    assert stop_reason(budget, Usage(), trajectory(short, direction=direction)) is None
    assert stop_reason(budget, Usage(), trajectory(enough, direction=direction)) == "target 0.8 reached"


def test_the_estimate_is_an_upper_bound_of_all_stages() -> None:
    search = SearchSettings(proposals_per_step=4, finalists=3, proposal_tokens=100)
    # Train: 16 prompts that show whether there is headroom, 2 starts, 5 x 4 proposals, one baseline, and 2
    # rows worked out; validation: 3 finalists, 3 shorter ones, 2 starts, 4 paraphrases and the baseline;
    # test: the winner, 2 starts, the baseline.
    pairs = (16 + 23) * 10 + 2 + (8 + 5) * 7 + 4 * 9
    assert estimate(search, 5, rows=(10, 7, 9), starts=2, worked=2, tokens_per_pair=1.5) == Estimate(
        pairs=pairs, scorer_tokens=round(519 * 1.5), optimizer_tokens=2000, test_rows=9
    )


@pytest.mark.parametrize(("every", "validated"), [(0, 0), (1, 2 + 5 * 4), (2, 2 + 2 * 4), (6, 2)])
def test_the_estimate_counts_the_steps_that_are_validated(every: int, validated: int) -> None:
    # Of steps 0 to 5; step 0 has the two starts.
    pairs = [
        estimate(
            SearchSettings(proposals_per_step=4, validate_every=each),
            5,
            rows=(10, 7, 9),
            starts=2,
            worked=0,
            tokens_per_pair=1.0,
        ).pairs
        for each in (0, every)
    ]
    assert pairs[1] - pairs[0] == validated * 7
