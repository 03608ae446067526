"""Intervals and comparisons of metrics of the whole table: honest where a label has few rows."""

from collections.abc import Sequence

import numpy as np
import pytest

from opro_local.scoring.confusion_tables import (
    OfTables,
    balanced_accuracies,
    macro_f1s,
    mccs,
    weighted_kappas,
)
from opro_local.scoring.smoothing import Cells, comparison_of, interval_of

METRICS = (balanced_accuracies, macro_f1s, mccs, weighted_kappas)
every_metric = pytest.mark.parametrize("metric", METRICS)


def cells_of(table: Sequence[Sequence[int]]) -> Cells:
    """Of a confusion table (C, C + 1)."""
    pairs = [(t, p) for t, row in enumerate(table) for p, count in enumerate(row) for _ in range(count)]
    return Cells.of([t for t, _ in pairs], [[p for _, p in pairs]], len(table))


def interval(table: Sequence[Sequence[int]], metric: OfTables) -> tuple[float, float]:
    found = interval_of(cells_of(table), metric)
    assert found is not None
    return found


@every_metric
def test_a_row_that_is_right_leaves_its_label_open(metric: OfTables) -> None:
    """19 and 1 rows, all right: the one row of the rare label showed 1.000 [1.000, 1.000]."""
    low, high = interval([[19, 0, 0], [0, 1, 0]], metric)
    assert low < 0.7
    assert high == 1.0


def test_the_same_answer_to_every_row_is_not_surely_worth_half() -> None:
    low, high = interval([[10, 0, 0], [10, 0, 0]], balanced_accuracies)  # showed [0.500, 0.500]
    assert low < 0.47 < 0.53 < high


def test_two_rare_rows_that_are_wrong_leave_room_for_half_of_them() -> None:
    low, high = interval([[34, 1, 0, 0], [0, 30, 0, 0], [1, 1, 0, 0]], balanced_accuracies)
    assert low < 0.657 < 0.83 < high  # with one of the two right it would be .83


def test_labels_with_many_rows_have_the_width_of_their_recalls() -> None:
    low, high = interval([[160, 40, 0], [60, 140, 0]], balanced_accuracies)
    half = 1.96 * ((0.8 * 0.2 + 0.7 * 0.3) / 200) ** 0.5 / 2
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.004)


def test_many_labels_with_fewer_than_three_rows_each_have_no_interval() -> None:
    assert interval_of(cells_of(_diagonal([2, 3, 3, 3, 3])), macro_f1s) is None
    assert interval_of(cells_of(_diagonal([2, 4, 3, 3, 3])), macro_f1s) is not None
    assert interval_of(cells_of(_diagonal([1, 1, 1, 1])), macro_f1s) is not None


def test_draws_keep_the_rows_of_every_label_and_repeat_themselves() -> None:
    cells = cells_of([[5, 2, 1], [0, 1, 0]])
    tables = cells.tables(cells.drawn(200))
    assert tables.sum(axis=2) == pytest.approx(np.tile([8.0, 1.0], (200, 1)))
    assert (cells.drawn(5) == cells.drawn(5)).all()
    assert (cells.drawn(5) != cells.drawn(5, seed=1)).any()


def test_a_share_varies_as_among_its_rows_and_the_added_ones() -> None:
    cells = cells_of([[6, 3, 0], [0, 50, 0]])
    hits = cells.tables(cells.drawn(20_000))[:, 0, 0] / 9
    assert hits.mean() == pytest.approx(6.5 / 10, abs=0.005)
    assert hits.var() == pytest.approx(0.65 * 0.35 / 10, rel=0.05)


def test_a_label_alone_among_many_is_drawn_without_a_gap() -> None:
    cells = cells_of(_diagonal([1] * 40 + [80]))
    assert np.isfinite(cells.drawn(2000)).all()


def _diagonal(counts: Sequence[int]) -> list[list[int]]:
    return [[count if i == j else 0 for j in range(len(counts) + 1)] for i, count in enumerate(counts)]


def pair(targets: Sequence[int], ours: Sequence[int], theirs: Sequence[int]) -> Cells:
    return Cells.of(targets, [ours, theirs], 2)


@every_metric
def test_equal_answers_of_few_rows_are_no_proof_of_equality(metric: OfTables) -> None:
    targets = [0] * 19 + [1]
    found = comparison_of(pair(targets, targets, targets), metric)  # showed [0, 0]
    assert found.difference == 0
    low, high = found.interval
    assert low < -0.05 < 0.05 < high
    assert (found.p_better, found.p_worse) == (1.0, 1.0)


@every_metric
def test_one_rare_row_alone_makes_nothing_better(metric: OfTables) -> None:
    targets = [0] * 19 + [1]
    found = comparison_of(pair(targets, targets, [0] * 20), metric)
    assert found.difference > 0
    assert found.p_better == pytest.approx(0.5, abs=0.05)  # a coin
    turned = comparison_of(pair(targets, [0] * 20, targets), metric)
    assert turned.difference == -found.difference
    assert turned.p_worse == pytest.approx(found.p_better, abs=0.05)


@every_metric
def test_a_gain_on_many_rows_is_told(metric: OfTables) -> None:
    targets = [0] * 40 + [1] * 40
    found = comparison_of(pair(targets, targets, [0] * 60 + [1] * 20), metric)
    assert found.p_better < 0.001
    assert found.interval[0] > 0
