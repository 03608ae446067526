"""Which finalist is chosen, and what is expected of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from opro_local.evidence.selection import Contest, Numbers, front
from opro_local.records import Answer, Outcome
from opro_local.scoring.marking import Marking


def contest(
    train: Sequence[Sequence[float]],
    validation: Sequence[Sequence[float]],
    tokens: Sequence[float] | None = None,
    **changes: Any,
) -> Contest:
    """By the mean of what rows are worth."""

    def addends(rows: Sequence[Sequence[float]]) -> list[csr_array]:
        return [csr_array(np.stack([np.array(row, float), np.ones(len(row))], axis=1)) for row in rows]

    def mean(sums: Numbers) -> Numbers:
        return np.asarray(sums[:, 0] / sums[:, 1])

    return Contest(
        train=addends(train),
        validation=addends(validation),
        figure=mean,
        tokens=tokens or [1.0] * len(train),
        **changes,
    )


def test_a_row_of_train_counts_half() -> None:
    found = contest([[1, 1, 0, 0], [1, 1, 1, 1]], [[1, 1], [0, 0]])
    # (2 + 4 / 2 * .5) of 2 + 4 / 2 rows, and (0 + 2) of 4.
    assert found.values.tolist() == [0.75, 0.5]
    assert found.chosen == 0


def test_of_equals_the_shortest_is_best_and_then_the_first() -> None:
    rows = [[1.0, 0.0]] * 3
    assert contest(rows, rows, [9, 5, 7]).chosen == 1
    assert contest(rows, rows).chosen == 0


def test_the_front_has_whom_no_other_beats_in_both() -> None:
    values = np.array([0.9, 0.8, 0.8, 0.5, 0.95])
    assert front(values, [50, 30, 20, 25, 80]) == [2, 0, 4]
    assert front(values[:2], [30, 30]) == [0]


def test_short_takes_the_shortest_within_one_standard_error() -> None:
    draw = np.random.default_rng(0)
    best = (draw.random(400) < 0.8).astype(float)
    near, far = best.copy(), best.copy()
    near[np.flatnonzero(best)[:3]] = 0
    near[np.flatnonzero(best == 0)[:3]] = 1
    near[np.flatnonzero(best)[10]] = 0  # one row of 200 in all: less than chance moves it
    far[np.flatnonzero(best)[:40]] = 0
    parts = [[rows[:200], rows[200:]] for rows in (best, near, far)]
    train, validation = ([each[part].tolist() for each in parts] for part in (0, 1))
    found = contest(train, validation, [90, 40, 10], prefer="short")
    assert found.front == [2, 1, 0]
    assert found.chosen == 1
    assert contest(train, validation, [90, 40, 10]).chosen == 0
    # Seven rows of 200 tell the two apart, by train at half weight: a variance of about (.25 * 7) of 300².
    assert found.noise[0, 1] == pytest.approx((7 * 0.25) ** 0.5 / 300, rel=0.3)


@pytest.mark.parametrize(
    ("values", "tokens", "chosen"),
    [
        ((0.5, 0.9, 1.0), (10, 20, 110), 1),  # .8 of the gain for .1 of the length
        ((0.5, 0.6, 1.0), (10, 90, 110), 2),  # below the line between the ends
        ((0.5, 1.0), (10, 110), 1),
        ((1.0, 0.5), (10, 110), 0),
    ],
)
def test_balanced_takes_the_point_farthest_above_the_line_between_the_ends(
    values: Sequence[float], tokens: Sequence[float], chosen: int
) -> None:
    rows = [[value] * 4 for value in values]
    assert contest(rows, rows, tokens, prefer="balanced").chosen == chosen


def test_of_a_single_candidate_is_expected_what_validation_shows() -> None:
    assert contest([[1, 0]], [[1, 1, 0, 1, 0]]).expected == pytest.approx(0.6)


def test_one_row_of_validation_promises_nothing() -> None:
    assert contest([[1, 0]], [[1.0]]).expected is None


def test_the_luck_of_the_best_of_many_is_not_expected_again() -> None:
    shown, expected = [], []
    for seed in range(60):
        answers = np.random.default_rng(seed).random((8, 60)) < 0.5
        found = contest([[1.0]] * 8, answers.astype(float).tolist())
        shown.append(answers.mean(axis=1).max())
        assert found.expected is not None
        expected.append(found.expected)
    assert np.mean(shown) > 0.57
    assert np.mean(expected) == pytest.approx(0.5, abs=0.02)


def test_a_clear_winner_is_expected_to_keep_its_score() -> None:
    found = contest([[1] * 20, [0] * 20], [[1, 1, 1, 0] * 10, [0, 0, 0, 1] * 10])
    assert found.expected == pytest.approx(0.75)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "mcc", "balanced_accuracy", "log_loss", "brier"])
def test_every_metric_has_its_own_figure(metric: Any) -> None:
    """Of a single candidate that of all rows, whatever the metric."""
    from opro_local.answers import kind_of
    from opro_local.config import SplitSettings
    from opro_local.tasks.task import Task

    task = Task(
        name="t",
        examples=(),
        answer="label",
        labels=("a", "b"),
        description="",
        position="Q_begin",
        qa=None,
        metric=metric,
        split=SplitSettings(),
    )
    marking = Marking(kind=kind_of("label", task), metric=metric)
    said = ["a", "b", "b", "a", "a", "b", "a"]
    answers = [
        Answer(
            Outcome(
                example_id=str(i),
                target="aabbaba"[i],
                prediction=each,
                score=float(each == "aabbaba"[i]),
                choice_log_probs=(-0.3, -1.4) if each == "a" else (-1.4, -0.3),
            )
        )
        for i, each in enumerate(said)
    ]
    sums = marking.sums([answers[:1], answers])
    whole = Contest(
        train=sums.addends[:1],
        validation=sums.addends[1:],
        figure=lambda of_rows: marking.spec.sign * sums.figure(of_rows),
        tokens=[1.0],
    )
    assert whole.expected is not None
    assert marking.spec.sign * whole.expected == pytest.approx(marking.score(answers).value)
