"""Metrics of label sets against scikit-learn's, and the bootstrap over rows of those that are no means."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score

from opro_local.answers.labels import Labels
from opro_local.config import Metric
from opro_local.records import Answer, Example, Outcome
from opro_local.scoring.label_counts import mean_f1s, micro_f1s
from opro_local.scoring.marking import Marking

NAMES = ("a", "b", "c")
KIND = Labels(labels=NAMES)
Sets = NDArray[np.int64]


def written(row: Sets) -> str:
    return KIND.predicted([float(value) for has in row for value in (has, 1 - has)])


def answers(right: Sets, said: Sets, silent: frozenset[int] = frozenset()) -> list[Answer]:
    found = []
    for i, (target, prediction) in enumerate(zip(right, said, strict=True)):
        row = Example(id=str(i), text="", target=written(target))
        answer = None if i in silent else written(prediction)
        score = 0.0 if answer is None else KIND.worth(answer, row)
        reason = "no answer" if answer is None else None
        outcome = Outcome(example_id=row.id, target=row.target, prediction=answer, score=score, reason=reason)
        found.append(Answer(outcome))
    return found


def drawn(seed: int, rows: int = 40) -> tuple[Sets, Sets]:
    """Sets and answers, both often empty."""
    generator = np.random.default_rng(seed)
    right = (generator.random((rows, 3)) < (0.4, 0.3, 0.2)).astype(np.int64)
    return right, np.where(generator.random(right.shape) < 0.2, 1 - right, right)


def marking(metric: Metric) -> Marking:
    return Marking(kind=KIND, metric=metric)


@pytest.mark.parametrize("seed", range(5))
def test_values_are_scikit_learns(seed: int) -> None:
    right, said = drawn(seed)
    score = marking("example_f1").score(answers(right, said))
    assert score.value == pytest.approx(f1_score(right, said, average="samples", zero_division=1))
    assert score.metrics["micro_f1"] == pytest.approx(f1_score(right, said, average="micro"))
    assert score.metrics["macro_f1"] == pytest.approx(f1_score(right, said, average="macro"))
    assert score.metrics["accuracy"] == pytest.approx(accuracy_score(right, said))


def test_an_empty_set_that_is_answered_by_one_counts_1() -> None:
    nothing = np.zeros((4, 3), dtype=np.int64)
    values = {m: marking(m).score(answers(nothing, nothing)).value for m in Labels.metrics}
    assert values == dict.fromkeys(Labels.metrics, 1.0)
    one = nothing.copy()
    one[0, 0] = 1
    values = {m: marking(m).score(answers(nothing, one)).value for m in Labels.metrics}
    assert values == {"example_f1": 0.75, "micro_f1": 0.0, "macro_f1": 0.0, "accuracy": 0.75}


def test_macro_f1_is_a_mean_over_the_labels_that_rows_have() -> None:
    right = np.array([[1, 0, 0], [1, 1, 0]])
    said = np.array([[1, 0, 1], [1, 0, 0]])
    assert marking("macro_f1").score(answers(right, said)).value == 0.5  # of a and b; c has no row


def test_without_an_answer_all_of_it_is_wrong() -> None:
    right = np.array([[1, 0, 0], [0, 0, 0]])
    silent = answers(right, right, frozenset({0, 1}))
    assert [marking(m).score(silent).value for m in Labels.metrics] == [0.0] * 4
    half = answers(right, right, frozenset({1}))
    assert marking("micro_f1").score(half).value == pytest.approx(2 / (2 + 3))


def test_many_samples_at_once_equal_scikit_learn() -> None:
    for seed in range(20):
        right, said = drawn(seed, rows=6)
        counts = np.stack([right * said, (1 - right) * said, right * (1 - said)], axis=2).sum(axis=0)
        tables = np.stack([counts, np.zeros_like(counts)]).astype(np.float64)
        value = marking("macro_f1").score(answers(right, said)).value
        assert mean_f1s(tables) == pytest.approx([value, 1.0])
        micro = f1_score(right, said, average="micro", zero_division=1)
        assert micro_f1s(tables) == pytest.approx([micro, 1.0])


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_rows_are_resampled_for_intervals_and_comparisons(metric: Metric) -> None:
    right, said = drawn(3, rows=200)
    worse = np.where(np.arange(200)[:, np.newaxis] < 100, 0, said)
    ours, theirs = answers(right, said), answers(right, worse)
    score = marking(metric).score(ours)
    assert score.interval is not None
    low, high = score.interval
    assert low < score.value < high < low + 0.2
    found = marking(metric).compare(ours, theirs)
    assert found is not None
    assert found.difference == pytest.approx(score.value - marking(metric).score(theirs).value)
    assert found.interval[0] < found.difference < found.interval[1]
    assert found.p_better < 0.01 < 0.99 < found.p_worse
    level = marking(metric).compare(ours, ours)
    assert level is not None
    assert level.difference == 0.0
    assert min(level.p_better, level.p_worse) >= 0.5


@pytest.mark.parametrize("metric", Labels.metrics)
def test_sums_over_rows_come_to_the_value(metric: Metric) -> None:
    right, said = drawn(4)
    given = answers(right, said)
    sums = marking(metric).sums([given])
    whole = np.ones((1, len(given))) @ sums.addends[0]
    assert sums.figure(whole) == pytest.approx([marking(metric).score(given).value])


def test_all_right_has_no_interval_of_resampled_rows() -> None:
    right, _ = drawn(5)
    assert marking("micro_f1").score(answers(right, right)).interval is None


def test_counts_by_label_are_right_wrong_and_missed() -> None:
    right = np.array([[1, 0, 0], [1, 1, 0]])
    said = np.array([[1, 0, 1], [0, 1, 0]])
    assert marking("micro_f1").label_counts(answers(right, said)) == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]
