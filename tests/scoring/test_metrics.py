import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from opro_local.config import Metric
from opro_local.records import Outcome
from opro_local.scoring.metrics import (
    METRIC_DIRECTION,
    balanced_accuracies,
    confusion,
    macro_f1s,
    mccs,
    measure,
)

LABELS = ("seed", "fintech", "healthcare")  # not in alphabetical order


def answered(target: str, prediction: str | None, log_probs: Iterable[float] = ()) -> Outcome:
    return Outcome(
        example_id="e",
        target=target,
        prediction=prediction,
        correct=prediction == target,
        reason=None if prediction else "no answer",
        choice_log_probs=tuple(map(float, log_probs)),
    )


# targets     seed: 3 (2 right, 1 called fintech), fintech: 2 (1 right, 1 without an answer), healthcare: none
SAMPLE = [
    answered("seed", "seed"),
    answered("seed", "seed"),
    answered("seed", "fintech"),
    answered("fintech", "fintech"),
    answered("fintech", None),
]


def value(metric: Metric, outcomes: Sequence[Outcome], labels: Sequence[str] = LABELS) -> float:
    return measure(outcomes, labels=labels, metric=metric).value


def test_accuracy_counts_no_answer_as_wrong() -> None:
    score = measure(SAMPLE, labels=LABELS, metric="accuracy")
    assert score.value == 0.6
    assert score.n == 5
    assert score.reasons == {"no answer": 1}
    assert score.interval == pytest.approx((0.2307, 0.8824), abs=5e-5)  # Wilson, 3 of 5


def test_balanced_accuracy_is_the_mean_recall_of_the_labels_that_occur() -> None:
    assert value("balanced_accuracy", SAMPLE) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_macro_f1_counts_an_absent_label_as_zero() -> None:
    # seed: 2·2 / (3 + 2), fintech: 2·1 / (2 + 2), healthcare: 0
    assert value("macro_f1", SAMPLE) == pytest.approx((0.8 + 0.5 + 0.0) / 3)


def test_in_mcc_no_answer_is_a_class_of_its_own() -> None:
    # Gorodkin: (c·n - Σ t·p) / sqrt((n² - Σ p²)(n² - Σ t²)), t = 3, 2, 0, 0 and p = 2, 2, 0, 1.
    assert value("mcc", SAMPLE) == pytest.approx((3 * 5 - 10) / math.sqrt((25 - 9) * (25 - 13)))


def test_they_agree_with_scikit_learn_on_text_labels() -> None:
    targets = [o.target for o in SAMPLE]
    predictions = [o.prediction or "no answer" for o in SAMPLE]
    with pytest.warns(UserWarning, match="not in y_true"):
        assert value("balanced_accuracy", SAMPLE) == balanced_accuracy_score(targets, predictions)
    f1 = f1_score(targets, predictions, labels=LABELS, average="macro", zero_division=0)
    assert value("macro_f1", SAMPLE) == f1
    assert value("mcc", SAMPLE) == matthews_corrcoef(targets, predictions)


def test_one_label_only_correlates_with_nothing() -> None:
    assert value("mcc", [answered("seed", "seed")] * 3) == 0.0


PROBABILITIES = [
    answered("fintech", "fintech", np.log([0.3, 0.6, 0.1])),
    answered("seed", "healthcare", np.log([0.25, 0.25, 0.5])),
]


def test_log_loss_uses_the_columns_in_label_order() -> None:
    assert value("log_loss", PROBABILITIES) == pytest.approx(-(math.log(0.6) + math.log(0.25)) / 2)


def test_the_brier_score_is_not_halved() -> None:
    expected = (0.3**2 + 0.4**2 + 0.1**2 + 0.75**2 + 0.25**2 + 0.5**2) / 2
    assert value("brier", PROBABILITIES) == pytest.approx(expected)
    two = [answered("seed", "seed", np.log([0.75, 0.25]))]
    assert value("brier", two, labels=LABELS[:2]) == pytest.approx(2 * 0.25**2)


def test_log_probabilities_need_not_sum_to_one() -> None:
    shifted = [answered("seed", "seed", [-700.0, -700.0 - math.log(3), -math.inf])]
    assert value("log_loss", shifted) == pytest.approx(-math.log(0.75))


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_a_missing_probability_makes_them_the_worst_there_is(metric: Metric) -> None:
    for missing in (
        answered("seed", None),
        answered("seed", "seed"),
        answered("seed", None, [0.0, -1.0, -2.0]),
    ):
        score = measure([*PROBABILITIES, missing], labels=LABELS, metric=metric)
        assert score.value == math.inf
        assert METRIC_DIRECTION[metric] == "minimize"
        assert score.interval is None
        assert set(score.metrics) == {"accuracy", "balanced_accuracy", "macro_f1", "mcc"}


def test_the_other_metrics_stand_beside_the_primary_one() -> None:
    score = measure(PROBABILITIES, labels=LABELS, metric="log_loss")
    assert set(score.metrics) == {"accuracy", "balanced_accuracy", "macro_f1", "mcc", "brier"}
    assert score.metrics["accuracy"] == 0.5


def test_calibration_changes_predictions_and_probabilities() -> None:
    outcomes = [answered("fintech", "seed", np.log([0.6, 0.3, 0.1]))]
    score = measure(outcomes, labels=LABELS, metric="log_loss", calibration=(0.0, math.log(4), 0.0))
    assert score.value == pytest.approx(-math.log(1.2 / 1.9))
    assert score.metrics["accuracy"] == 1.0


def test_without_labels_there_is_accuracy_only() -> None:
    outcomes = [answered("12", "12"), answered("7", "8")]
    score = measure(outcomes, labels=(), metric="accuracy")
    assert (score.value, score.n, dict(score.metrics)) == (0.5, 2, {})


@pytest.mark.parametrize("metric", METRIC_DIRECTION)
def test_every_metric_has_an_interval_around_its_value(metric: Metric) -> None:
    right = [
        answered(label, label, np.log(row)) for label, row in zip(LABELS, np.eye(3) * 0.7 + 0.1, strict=True)
    ]
    wrong = [answered("seed", "fintech", np.log([0.3, 0.5, 0.2]))]
    score = measure([*right * 10, *wrong * 10], labels=LABELS, metric=metric)
    assert score.interval is not None
    low, high = score.interval
    assert low < score.value < high
    assert high - low < 0.5


def test_a_larger_sample_narrows_the_interval() -> None:
    few, many = (measure(SAMPLE * times, labels=LABELS, metric="macro_f1").interval for times in (4, 64))
    assert few is not None
    assert many is not None
    assert (many[1] - many[0]) == pytest.approx((few[1] - few[0]) / 4, rel=0.25)


def test_the_confusion_matrix_has_a_column_for_no_answer() -> None:
    assert confusion(SAMPLE, LABELS) == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]


def test_the_sums_on_tables_equal_scikit_learn() -> None:
    generator = np.random.default_rng(7)
    for _ in range(20):
        targets, predictions = generator.integers(0, 3, 30), generator.integers(0, 4, 30)
        outcomes = [
            answered(LABELS[t], None if p == 3 else LABELS[p])
            for t, p in zip(targets, predictions, strict=True)
        ]
        table = np.array([confusion(outcomes, LABELS)], dtype=np.float64)
        assert balanced_accuracies(table)[0] == pytest.approx(value("balanced_accuracy", outcomes))
        assert macro_f1s(table)[0] == pytest.approx(value("macro_f1", outcomes))
        assert mccs(table)[0] == pytest.approx(value("mcc", outcomes))


def test_tables_of_one_class_do_not_divide_by_zero() -> None:
    table = np.zeros((1, 2, 3))
    table[0, 0, 0] = 5
    assert balanced_accuracies(table)[0] == 1.0
    assert macro_f1s(table)[0] == 0.5
    assert mccs(table)[0] == 0.0
