import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    log_loss,
    matthews_corrcoef,
)

from opro_local.answers import AnswerKind
from opro_local.answers.grade import Grade
from opro_local.answers.label import Label
from opro_local.answers.number import Number
from opro_local.config import Metric
from opro_local.evidence.paired import Comparison
from opro_local.records import Example, Outcome, Score
from opro_local.scoring.confusion_tables import balanced_accuracies, macro_f1s, mccs, weighted_kappas
from opro_local.scoring.marking import Marking
from opro_local.scoring.metrics import METRICS
from opro_local.scoring.sample import spread_of

LABELS = ("seed", "fintech", "healthcare")  # not in alphabetical order
OF_LABELS: tuple[Metric, ...] = tuple(n for n in METRICS if METRICS[n].needs not in ("values", "sets"))
BESIDE = {"accuracy", "balanced_accuracy", "macro_f1", "mcc"}
"""Figures that stand beside every primary one of labels, where there are no probabilities."""


def kind_with(labels: Sequence[str]) -> AnswerKind:
    """Answers without labels are numbers here."""
    return Label(labels=tuple(labels)) if labels else Number()


def measure(
    outcomes: Sequence[Outcome],
    *,
    labels: Sequence[str] = LABELS,
    metric: Metric,
    calibration: Sequence[float] = (),
    spread: float = 0.0,
) -> Score:
    marking = Marking(kind=kind_with(labels), metric=metric, spread=spread)
    return marking.score(marking.answers(outcomes, calibration))


def compare(
    ours: Sequence[Outcome],
    theirs: Sequence[Outcome],
    *,
    labels: Sequence[str] = LABELS,
    metric: Metric,
    calibrations: tuple[Sequence[float], Sequence[float]] = ((), ()),
    spread: float = 0.0,
) -> Comparison | None:
    marking = Marking(kind=kind_with(labels), metric=metric, spread=spread)
    first, second = calibrations
    return marking.compare(marking.answers(ours, first), marking.answers(theirs, second))


def confusion(outcomes: Sequence[Outcome]) -> list[list[int]]:
    marking = Marking(kind=Label(labels=LABELS))
    return marking.confusion(marking.answers(outcomes))


def answered(target: str, prediction: str | None, log_probs: Iterable[float] = ()) -> Outcome:
    return Outcome(
        example_id="e",
        target=target,
        prediction=prediction,
        score=float(prediction == target),
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


def test_macro_f1_is_the_mean_over_the_labels_that_have_rows() -> None:
    # seed: 2·2 / (3 + 2), fintech: 2·1 / (2 + 2); healthcare has no row
    assert value("macro_f1", SAMPLE) == pytest.approx((0.8 + 0.5) / 2)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_with_every_row_right_a_label_without_rows_costs_nothing(metric: Metric) -> None:
    """A part of 12 rows without the rarest label showed 0.800 [0.600, 0.800] with all answers right."""
    score = measure([answered(label, label) for label in LABELS[:2] * 6], metric=metric)
    assert score.value == 1.0
    assert score.interval is not None
    assert score.interval[1] == 1.0


def test_to_answer_a_label_without_rows_is_a_miss_of_the_right_one() -> None:
    missed = [answered("seed", "healthcare"), answered("seed", "seed"), answered("fintech", "fintech")]
    silent = [answered("seed", None), *missed[1:]]
    assert value("macro_f1", missed) == value("macro_f1", silent) == pytest.approx((2 / 3 + 1) / 2)


def test_in_mcc_no_answer_is_a_class_of_its_own() -> None:
    # Gorodkin: (c·n - Σ t·p) / sqrt((n² - Σ p²)(n² - Σ t²)), t = 3, 2, 0, 0 and p = 2, 2, 0, 1.
    assert value("mcc", SAMPLE) == pytest.approx((3 * 5 - 10) / math.sqrt((25 - 9) * (25 - 13)))


def test_they_agree_with_scikit_learn_on_text_labels() -> None:
    targets = [o.target for o in SAMPLE]
    predictions = [o.prediction or "no answer" for o in SAMPLE]
    with pytest.warns(UserWarning, match="not in y_true"):
        assert value("balanced_accuracy", SAMPLE) == balanced_accuracy_score(targets, predictions)
    f1 = f1_score(targets, predictions, labels=LABELS[:2], average="macro", zero_division=0)
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
        assert METRICS[metric].direction == "minimize"
        assert score.interval is None
        assert set(score.metrics) == BESIDE


def test_the_other_metrics_stand_beside_the_primary_one() -> None:
    score = measure(PROBABILITIES, labels=LABELS, metric="log_loss")
    assert set(score.metrics) == BESIDE | {"brier"}
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


@pytest.mark.parametrize("metric", OF_LABELS)
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
    assert confusion(SAMPLE) == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]


def test_the_sums_on_tables_equal_scikit_learn() -> None:
    generator = np.random.default_rng(7)
    for _ in range(20):
        targets, predictions = generator.integers(0, 3, 30), generator.integers(0, 4, 30)
        outcomes = [
            answered(LABELS[t], None if p == 3 else LABELS[p])
            for t, p in zip(targets, predictions, strict=True)
        ]
        table = np.array([confusion(outcomes)], dtype=np.float64)
        assert balanced_accuracies(table)[0] == pytest.approx(value("balanced_accuracy", outcomes))
        assert macro_f1s(table)[0] == pytest.approx(value("macro_f1", outcomes))
        assert mccs(table)[0] == pytest.approx(value("mcc", outcomes))
        assert weighted_kappas(table)[0] == pytest.approx(value("weighted_kappa", outcomes))


def test_tables_of_one_class_do_not_divide_by_zero() -> None:
    table = np.zeros((1, 2, 3))
    table[0, 0, 0] = 5
    assert balanced_accuracies(table)[0] == 1.0
    assert macro_f1s(table)[0] == 1.0
    assert mccs(table)[0] == 0.0
    assert weighted_kappas(table)[0] == 0.0


def drawn_outcomes(
    n: int, *, targets: Sequence[str] = LABELS, unparsed: float = 0.0, seed: int = 0
) -> list[Outcome]:
    """Outcomes that are right more often than not, their probabilities with them."""
    generator = np.random.default_rng([seed, n])
    found = []
    for number in range(n):
        target = targets[int(generator.integers(len(targets)))]
        logits = generator.normal(size=len(LABELS)) + 1.5 * np.eye(len(LABELS))[LABELS.index(target)]
        log_probs = logits - np.log(np.exp(logits).sum())
        silent = generator.random() < unparsed
        prediction = None if silent else LABELS[int(np.argmax(logits))]
        outcome = answered(target, prediction, () if silent else log_probs)
        found.append(replace(outcome, example_id=str(number)))
    return found


def scikit_learns(metric: Metric, outcomes: Sequence[Outcome]) -> float:
    """The metric on the texts themselves, which scikit-learn sorts in its own way."""
    targets = [outcome.target for outcome in outcomes]
    predictions = [outcome.prediction or "(none)" for outcome in outcomes]
    order = [LABELS.index(label) for label in sorted(LABELS)]
    probabilities = [
        [math.exp(outcome.choice_log_probs[column]) for column in order]
        for outcome in outcomes
        if outcome.choice_log_probs
    ]
    metrics: dict[Metric, Callable[[], float]] = {
        "accuracy": lambda: accuracy_score(targets, predictions),
        "mean_score": lambda: accuracy_score(targets, predictions),
        "token_f1": lambda: accuracy_score(targets, predictions),
        "weighted_kappa": lambda: _kappa(outcomes),
        "balanced_accuracy": lambda: balanced_accuracy_score(targets, predictions),
        "macro_f1": lambda: f1_score(
            targets, predictions, labels=sorted(set(targets)), average="macro", zero_division=0
        ),
        "mcc": lambda: matthews_corrcoef(targets, predictions),
        "log_loss": lambda: log_loss(targets, probabilities, labels=sorted(LABELS)),
        "brier": lambda: brier_score_loss(targets, probabilities, labels=sorted(LABELS), scale_by_half=False),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a kappa of one label alone
        warnings.simplefilter("ignore", UserWarning)  # predictions of labels that the targets lack
        return metrics[metric]()


def _kappa(outcomes: Sequence[Outcome]) -> float:
    """Where nothing is predicted, the far end of the labels is: healthcare for seed, seed for the others."""
    said = [o.prediction or ("healthcare" if o.target == "seed" else "seed") for o in outcomes]
    kappa = cohen_kappa_score([o.target for o in outcomes], said, labels=LABELS, weights="quadratic")
    return 0.0 if math.isnan(kappa) else float(kappa)


BLOCKS = {
    "every label": drawn_outcomes(40),
    "a block without one of the labels": drawn_outcomes(16, targets=LABELS[::2]),
    "one label only": drawn_outcomes(16, targets=LABELS[1:2]),
    "one row": drawn_outcomes(1),
}
SILENT = {
    "rows without an answer": drawn_outcomes(40, unparsed=0.3),
    "one label, rows without an answer": drawn_outcomes(16, targets=LABELS[1:2], unparsed=0.3),
    "no answers at all": drawn_outcomes(5, unparsed=1.0),
}


@pytest.mark.parametrize("metric", OF_LABELS)
@pytest.mark.parametrize("outcomes", BLOCKS.values(), ids=BLOCKS)
def test_every_metric_is_scikit_learns(outcomes: list[Outcome], metric: Metric) -> None:
    assert value(metric, outcomes) == pytest.approx(scikit_learns(metric, outcomes))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "mcc", "weighted_kappa"])
@pytest.mark.parametrize("outcomes", SILENT.values(), ids=SILENT)
def test_no_answer_is_to_scikit_learn_a_prediction_like_others(
    outcomes: list[Outcome], metric: Metric
) -> None:
    assert any(outcome.prediction is None for outcome in outcomes)
    assert value(metric, outcomes) == pytest.approx(scikit_learns(metric, outcomes))


def compared(ours: Sequence[Outcome], theirs: Sequence[Outcome], metric: Metric) -> Comparison:
    found = compare(ours, theirs, labels=LABELS, metric=metric)
    assert found is not None
    return found


def guessed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The same rows answered with less knowledge: probabilities halfway to equal, each third answer wrong."""
    found = []
    for number, outcome in enumerate(outcomes):
        flat = np.log(np.exp(outcome.choice_log_probs) / 2 + 1 / 6)
        prediction = LABELS[LABELS.index(outcome.target) - 1] if number % 3 == 0 else outcome.prediction
        found.append(
            replace(
                outcome,
                prediction=prediction,
                score=float(prediction == outcome.target),
                choice_log_probs=tuple(flat.tolist()),
            )
        )
    return found


@pytest.mark.parametrize("metric", OF_LABELS)
def test_the_difference_is_that_of_the_metrics_and_more_is_better(metric: Metric) -> None:
    good = drawn_outcomes(60, seed=4)
    poor = guessed(good)
    found = compared(good, poor, metric)
    sign = METRICS[metric].sign
    assert found.difference == pytest.approx(sign * (value(metric, good) - value(metric, poor)))
    assert found.n == 60
    low, high = found.interval
    assert low < found.difference < high
    assert found.difference > 0
    assert found.p_better < 0.01 < 0.9 < found.p_worse
    assert compared(poor, good, metric).difference == pytest.approx(-found.difference)


@pytest.mark.parametrize("metric", OF_LABELS)
def test_rows_are_matched_by_their_ids(metric: Metric) -> None:
    ours = drawn_outcomes(30)
    theirs = guessed(ours)
    assert compared(ours, theirs[::-1], metric) == compared(ours, theirs, metric)


def test_accuracies_are_compared_by_the_exact_test() -> None:
    ours = [replace(answered("seed", "seed"), example_id=str(n)) for n in range(10)]
    theirs = [replace(o, prediction=None, score=0.0) for o in ours[:4]] + ours[4:]
    found = compare(ours, theirs, labels=(), metric="accuracy")
    assert found is not None
    assert found.difference == pytest.approx(0.4)
    assert found.p_better == pytest.approx(1 / 16)  # four of four discordant rows


def test_no_answer_is_compared_as_a_class_of_its_own() -> None:
    ours = drawn_outcomes(60, seed=4)
    silent = [replace(o, prediction=None, score=0.0) if n % 4 == 0 else o for n, o in enumerate(ours)]
    metrics: tuple[Metric, ...] = ("balanced_accuracy", "macro_f1", "mcc", "weighted_kappa")
    for metric in metrics:
        found = compared(ours, silent, metric)
        assert found.difference == pytest.approx(value(metric, ours) - value(metric, silent))
        assert found.difference > 0


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_probabilities_that_are_missing_are_not_compared(metric: Metric) -> None:
    ours = drawn_outcomes(10)
    failed = [*ours[:-1], replace(ours[-1], prediction=None, choice_log_probs=())]
    assert compare(ours, failed, labels=LABELS, metric=metric) is None
    assert compare(failed, ours, labels=LABELS, metric=metric) is None


@pytest.mark.parametrize("metric", ["macro_f1", "brier"])
def test_the_deviation_is_that_of_resampled_rows(metric: Metric) -> None:
    ours = drawn_outcomes(50, seed=2)
    theirs = guessed(ours)
    generator = np.random.default_rng(5)
    drawn = []
    for _ in range(150):
        rows = generator.integers(50, size=50)
        first, second = ([outcomes[row] for row in rows] for outcomes in (ours, theirs))
        drawn.append(scikit_learns(metric, first) - scikit_learns(metric, second))
    assert compared(ours, theirs, metric).deviation == pytest.approx(np.std(drawn) * 50**0.5, rel=0.15)


def test_both_candidates_are_compared_with_their_own_calibration() -> None:
    ours = drawn_outcomes(20)
    biases = (0.0, 2.0, -1.0)
    found = compare(ours, ours, labels=LABELS, metric="brier", calibrations=(biases, ()))
    assert found is not None
    calibrated_value = measure(ours, labels=LABELS, metric="brier", calibration=biases).value
    assert found.difference == pytest.approx(value("brier", ours) - calibrated_value)
    found = compare(ours, ours, labels=LABELS, metric="accuracy", calibrations=((), biases))
    assert found is not None
    calibrated_value = measure(ours, labels=LABELS, metric="accuracy", calibration=biases).value
    assert calibrated_value != value("accuracy", ours)
    assert found.difference == pytest.approx(value("accuracy", ours) - calibrated_value)


def test_a_kappa_weighs_how_far_a_label_is_from_its_target() -> None:
    # Targets 0, 1, 2 said as 0, 1, 1: 1 of squared distance seen; by chance (1 + 4 + 0 + 0 + 1 + 1 ...) / 3.
    near = [answered("seed", "seed"), answered("fintech", "fintech"), answered("healthcare", "fintech")]
    far = [answered("seed", "seed"), answered("fintech", "fintech"), answered("healthcare", "seed")]
    assert value("weighted_kappa", near) == pytest.approx(1 - 1 / ((0 + 1 + 1 + 1 + 0 + 0 + 4 + 1 + 1) / 3))
    assert value("weighted_kappa", far) < value("weighted_kappa", near)


@pytest.mark.parametrize(
    ("metric", "worst", "middle", "best"),
    [
        ("accuracy", 0.0, 0.5, 1.0),
        ("mcc", -1.0, 0.0, 1.0),
        ("weighted_kappa", -1.0, 0.0, 1.0),
        ("brier", 2.0, 1.0, 0.0),
        ("log_loss", math.inf, math.log(2), 0.0),
        ("mae", 8.0, 4.0, 0.0),
    ],
)
def test_every_value_has_a_place_from_0_to_1(
    metric: Metric, worst: float, middle: float, best: float
) -> None:
    marking = Marking(kind=AnswerKind(), metric=metric, spread=8.0)
    assert [marking.normalised(each) for each in (worst, middle, best)] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("metric", "name", "worth"),
    [
        ("accuracy", "accuracy", [1.0, 0.0]),
        ("log_loss", "mean probability of the right label", [0.6, 0.25]),
        ("brier", "1 - Brier score / 2", [1 - 0.26 / 2, 1 - 0.875 / 2]),
        ("macro_f1", "accuracy", [1.0, 0.0]),
        ("mcc", "accuracy", [1.0, 0.0]),
    ],
)
def test_a_row_is_worth_what_it_is_to_the_metric(metric: Metric, name: str, worth: list[float]) -> None:
    marking = Marking(kind=Label(labels=LABELS), metric=metric)
    found, called = marking.row_scores([marking.answers(PROBABILITIES)])
    assert called == name
    assert found == pytest.approx(np.array([worth]))


def test_without_probabilities_a_row_is_worth_its_accuracy() -> None:
    marking = Marking(kind=Label(labels=LABELS), metric="log_loss")
    found, called = marking.row_scores([marking.answers(SAMPLE)])
    assert (called, found.tolist()) == ("accuracy", [[1.0, 1.0, 0.0, 1.0, 0.0]])


def test_where_the_metric_is_no_mean_a_near_grade_is_worth_more_than_a_far_one() -> None:
    marking = Marking(kind=Grade(labels=("1", "2", "3")), metric="weighted_kappa")
    right = Example(id="1", text="", target="1")
    rows = [
        Outcome(example_id=str(i), target="1", prediction=said, score=marking.kind.worth(said, right))
        for i, said in enumerate(("1", "2", "3"))
    ]
    found, called = marking.row_scores([marking.answers(rows)])
    assert (called, found.tolist()) == ("mean score", [[1.0, 0.75, 0.0]])


class TestNumbers:
    @pytest.mark.parametrize("metric", ["mae", "median_error", "r2"])
    def test_a_row_is_worth_more_the_smaller_its_error(self, metric: Metric) -> None:
        marking = Marking(kind=Number(), metric=metric, spread=10.0)
        found, called = marking.row_scores([marking.answers([answered("10", "8"), answered("4", None)])])
        assert (called, found.tolist()) == ("1 - error / range of the answers", [[0.8, 0.0]])

    ROWS = (answered("10", "12"), answered("1,000", "$990.50"), answered("-4", None))

    def test_an_error_is_the_distance_and_no_answer_as_far_off_as_the_targets_are_apart(self) -> None:
        spread = spread_of(Number(), [row.target for row in self.ROWS])
        assert spread == 1004
        score = measure(self.ROWS, labels=(), metric="mae", spread=spread)
        assert score.value == pytest.approx((2 + 9.5 + 1004) / 3)
        assert score.metrics == {"accuracy": 0.0}
        assert score.interval is not None

    @pytest.mark.parametrize("error", [0, 2])
    def test_rows_that_are_all_alike_have_no_interval(self, error: int) -> None:
        rows = [answered(str(target), str(target + error)) for target in range(10)]
        score = measure(rows, labels=(), metric="mae", spread=9.0)
        assert (score.value, score.interval) == (error, None)
        assert measure(rows, labels=(), metric="accuracy").interval is not None

    def test_a_number_of_hundreds_of_digits_is_no_answer(self) -> None:
        rows = [answered("10", "9" * 400), answered("4", "4")]
        assert measure(rows, labels=(), metric="mae", spread=6.0).value == 3.0

    def test_the_smaller_error_wins(self) -> None:
        rows = [replace(row, example_id=str(n)) for n, row in enumerate(self.ROWS * 10)]
        nearer = [replace(row, prediction=row.target) for row in rows]
        found = compare(nearer, rows, labels=(), metric="mae", spread=1004.0)
        assert found is not None
        assert found.difference == pytest.approx((2 + 9.5 + 1004) / 3)
        assert found.p_better < 0.01


class TestScoresBetween0And1:
    ROWS = tuple(
        replace(answered("a", "b"), example_id=str(n), score=score)
        for n, score in enumerate([0.0, 0.25, 0.5, 1.0] * 5)
    )

    def test_their_mean_is_not_the_share_of_right_answers(self) -> None:
        score = measure(self.ROWS, labels=(), metric="mean_score")
        assert (score.value, dict(score.metrics)) == (0.4375, {"accuracy": 0.25})
        assert score.interval is not None
        assert score.interval[0] < 0.4375 < score.interval[1]
        assert measure(self.ROWS, labels=(), metric="accuracy").value == 0.25

    def test_they_are_compared_by_resampling_as_no_row_is_simply_won(self) -> None:
        better = [replace(row, score=min(1.0, row.score + 0.25)) for row in self.ROWS]
        found = compare(better, self.ROWS, labels=(), metric="mean_score")
        assert found is not None
        assert found.difference == pytest.approx(0.75 * 0.25)
        assert found.p_better < 0.001
        exact = compare(better, self.ROWS, labels=(), metric="accuracy")
        assert exact is not None
        assert exact.difference == 0.0  # .5 + .25 is not right yet

    def test_a_race_goes_by_them(self) -> None:
        marking = Marking(kind=AnswerKind(), metric="mean_score")
        better = [replace(row, score=min(1.0, row.score + 0.25)) for row in self.ROWS]
        gains = marking.gains(marking.answers(better), marking.answers(self.ROWS))
        assert gains.tolist() == [0.25, 0.25, 0.25, 0.0] * 5
