import math

import numpy as np
import pytest

from opro_local.answers.label import Label
from opro_local.records import Outcome
from opro_local.scoring.calibration import (
    calibrated,
    choice_probabilities,
    fit_batch,
    fit_contextual,
    fit_if_better,
    log_likelihoods,
)

LABELS = ("seed", "fintech")
KIND = Label(labels=LABELS)


def answered(*probabilities: float, target: str = "seed") -> Outcome:
    """An outcome as the scorer makes it: the likelier label is the prediction."""
    prediction = LABELS[probabilities.index(max(probabilities))]
    return Outcome(
        example_id="e",
        target=target,
        prediction=prediction,
        score=float(prediction == target),
        choice_log_probs=tuple(map(math.log, probabilities)),
    )


FAILED = Outcome(example_id="f", target="seed", prediction=None, score=0.0, reason="no answer")


def test_probabilities_are_normalised_over_the_choices_in_double_precision() -> None:
    # Only a hundredth of the mass is on the choices, a third of it on the first.
    rows = choice_probabilities([[math.log(0.01 / 3), math.log(0.02 / 3)], [-1000.0, -1000.0]], KIND)
    assert rows.dtype == np.float64
    assert rows == pytest.approx(np.array([[1 / 3, 2 / 3], [0.5, 0.5]]))
    assert rows.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-15)


def test_biases_shift_the_odds() -> None:
    shifted = log_likelihoods([answered(0.5, 0.5)], KIND, (math.log(3), 0.0))
    assert shifted == pytest.approx([math.log(0.75)])


def test_batch_calibration_takes_out_the_mean_log_odds() -> None:
    # Log odds of the first label: log 9 and log 4, on average log 6; half of it goes to either side.
    biases = fit_batch([answered(0.9, 0.1), answered(0.8, 0.2), FAILED])
    assert biases == pytest.approx((-math.log(6) / 2, math.log(6) / 2))


def test_batch_calibration_minds_only_odds() -> None:
    # The same odds with half the mass elsewhere.
    assert fit_batch([answered(0.45, 0.05)]) == pytest.approx(fit_batch([answered(0.9, 0.1)]))


def test_contextual_calibration_is_minus_the_log_of_the_mean_probability() -> None:
    # Means 0.8 and 0.2; the second row is given with half its mass elsewhere, which does not count.
    biases = fit_contextual([answered(0.9, 0.1), answered(0.35, 0.15), FAILED], KIND)
    assert biases == pytest.approx((-math.log(0.8), -math.log(0.2)))


def test_batch_calibration_does_not_look_at_targets() -> None:
    assert fit_batch([answered(0.9, 0.1)]) == fit_batch([answered(0.9, 0.1, target="fintech")])


def test_without_log_probabilities_there_is_nothing_to_fit() -> None:
    assert fit_batch([FAILED]) == ()
    assert fit_contextual([], KIND) == ()


def test_a_label_that_never_has_any_probability_gets_a_finite_bias() -> None:
    biases = fit_contextual(
        [Outcome(example_id="e", target="x", prediction="y", score=0.0, choice_log_probs=(0.0, -math.inf))],
        KIND,
    )
    assert all(map(math.isfinite, biases))


def test_calibration_turns_a_constant_answer_into_two() -> None:
    outcomes = [answered(0.9, 0.1), answered(0.7, 0.3, target="fintech")]
    assert [o.prediction for o in outcomes] == ["seed", "seed"]
    turned = [calibrated(o, KIND, fit_batch(outcomes)) for o in outcomes]  # divides by 0.8 and 0.2
    assert [o.prediction for o in turned] == ["seed", "fintech"]
    assert [o.correct for o in turned] == [True, True]
    for before, after in zip(outcomes, turned, strict=True):
        biases = fit_batch(outcomes)
        moved = [b - a for a, b in zip(before.choice_log_probs, after.choice_log_probs, strict=True)]
        assert moved == pytest.approx(biases)
        assert after.gold_log_likelihood == before.gold_log_likelihood


def test_of_equally_probable_labels_the_first_is_predicted() -> None:
    tie = answered(0.25, 0.5)
    assert calibrated(tie, KIND, (math.log(2), 0.0)).prediction == "seed"


def test_outcomes_that_cannot_be_calibrated_stay() -> None:
    assert calibrated(FAILED, KIND, (1.0, 0.0)) is FAILED
    plain = answered(0.25, 0.75)
    assert calibrated(plain, KIND, ()) is plain


def test_biases_for_another_number_of_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        calibrated(answered(0.5, 0.5), KIND, (1.0,))


class TestFitIfBetter:
    def test_biases_are_taken_where_they_make_the_targets_likelier(self) -> None:
        # A liking for the first label by a factor of 9 that the targets do not share.
        biased = [answered(0.95, 0.05), answered(0.81, 0.19, target="fintech")]
        assert fit_if_better(biased, KIND) == fit_batch(biased) != ()

    def test_there_are_none_where_the_model_is_right_as_it_is(self) -> None:
        right = [answered(0.9, 0.1), answered(0.8, 0.2)]
        assert fit_if_better(right, KIND) == ()

    def test_likelihood_decides_and_not_the_number_of_right_answers(self) -> None:
        # All three are right either way, two of them narrowly without biases.
        rows = [answered(0.51, 0.49), answered(0.501, 0.499), answered(0.02, 0.98, target="fintech")]
        biases = fit_batch(rows)
        assert [calibrated(row, KIND, biases).correct for row in rows] == [True, True, True]
        assert fit_if_better(rows, KIND) == biases

    def test_outcomes_without_probabilities_are_left_out(self) -> None:
        biased = [answered(0.95, 0.05), answered(0.81, 0.19, target="fintech")]
        assert fit_if_better([*biased, FAILED], KIND) == fit_if_better(biased, KIND)
        assert fit_if_better([FAILED], KIND) == ()
