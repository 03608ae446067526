import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from opro_local.answers.label import Label
from opro_local.answers.labels import Labels
from opro_local.records import Outcome
from opro_local.scoring import calibration
from opro_local.scoring.calibration import (
    calibrated,
    choice_probabilities,
    fit_auto,
    fit_batch,
    fit_contextual,
    log_likelihoods,
    log_prior,
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


def drawn(
    shares: Sequence[float], liking: Sequence[float], *, rise: float, noise: float, rows: int, seed: int
) -> list[Outcome]:
    """Outcomes of a model with likings, whose right label rises by so many nats, under noise."""
    draw = np.random.default_rng(seed)
    places = draw.choice(len(shares), size=rows, p=shares)
    logits = np.asarray(liking) + draw.normal(scale=noise, size=(rows, len(shares)))
    logits[np.arange(rows), places] += rise
    names = LETTERS.labels
    return [
        Outcome(
            example_id=str(i),
            target=names[place],
            prediction=names[row.argmax()],
            score=float(row.argmax() == place),
            choice_log_probs=tuple(row.tolist()),
        )
        for i, (place, row) in enumerate(zip(places, logits, strict=True))
    ]


LETTERS = Label(labels=("a", "b", "c"))
RARE = (0.8, 0.15, 0.05)
LIKING = (0.0, 3.0, 1.0)


def accuracy(outcomes: Sequence[Outcome], biases: Sequence[float]) -> float:
    return sum(calibrated(outcome, LETTERS, biases).correct for outcome in outcomes) / len(outcomes)


class TestFitAuto:
    def test_it_is_batch_where_labels_are_equally_common(self) -> None:
        rows = [answered(0.95, 0.05), answered(0.81, 0.19, target="fintech")]
        prior = log_prior([row.target for row in rows], KIND)
        assert prior == pytest.approx((math.log(0.5),) * 2)
        assert fit_auto(rows, KIND, prior) == pytest.approx(fit_batch(rows))

    def test_likings_are_found_whatever_the_shares_of_the_labels(self) -> None:
        rows = drawn(RARE, LIKING, rise=2.0, noise=0.5, rows=2000, seed=0)
        biases = fit_auto(rows, LETTERS, (0.0,) * 3, weight=0.0)
        assert biases == pytest.approx([4 / 3 - liking for liking in LIKING], abs=0.1)
        # batch takes what is common for a liking: a is .65 above the mean share .33 times the rise too low
        assert fit_batch(rows)[0] == pytest.approx(biases[0] - (0.8 - 1 / 3) * 2, abs=0.1)

    def test_a_label_that_no_row_has_is_not_taken_for_disliked(self) -> None:
        rows = drawn((0.5, 0.5, 0.0), LIKING, rise=2.0, noise=0.5, rows=2000, seed=1)
        biases = fit_auto(rows, LETTERS, (0.0,) * 3, weight=0.0)
        assert biases == pytest.approx([4 / 3 - liking for liking in LIKING], abs=0.1)

    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_common_is_answered_in_doubt(self, seed: int) -> None:
        train = drawn(RARE, LIKING, rise=2.0, noise=2.0, rows=48, seed=seed)
        others = drawn(RARE, LIKING, rise=2.0, noise=2.0, rows=2000, seed=10 + seed)
        prior = log_prior([row.target for row in train], LETTERS)
        found = accuracy(others, fit_auto(train, LETTERS, prior))
        assert found > max(0.8, accuracy(others, fit_auto(train, LETTERS, prior, weight=0.0))) + 0.01
        assert found > accuracy(others, fit_batch(train)) + 0.2
        # within a point and a half of the best that biases can do here
        ideal = (np.log(RARE) * 2.0**2 / 2.0 - LIKING).tolist()
        assert found > accuracy(others, ideal) - 0.015

    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_still_answered_too_often_is_corrected(
        self, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        """On a scale from "a" to "c" the middle's log-probability hardly changes, so it is never highest."""

        def on_a_scale(rows: int, seed: int) -> list[Outcome]:
            draw = np.random.default_rng(seed)
            found = drawn((1 / 3,) * 3, LIKING, rise=0.0, noise=0.3, rows=rows, seed=seed)
            seen = [LETTERS.labels.index(o.target) - 1 + draw.normal(scale=0.5) for o in found]
            return [
                replace(o, choice_log_probs=(a - 2 * way, b, c + 2 * way))
                for o, way in zip(found, seen, strict=True)
                for a, b, c in (o.choice_log_probs,)
            ]

        train, others = on_a_scale(48, seed), on_a_scale(4000, 10 + seed)
        prior = log_prior([row.target for row in train], LETTERS)
        found = accuracy(others, fit_auto(train, LETTERS, prior))
        monkeypatch.setattr(calibration, "SHRINKAGE", 1e9)
        assert found > accuracy(others, fit_auto(train, LETTERS, prior)) + 0.03

    def test_a_model_that_is_sure_is_hardly_moved_by_what_is_common(self) -> None:
        train = drawn(RARE, LIKING, rise=10.0, noise=0.5, rows=48, seed=0)
        others = drawn(RARE, LIKING, rise=10.0, noise=0.5, rows=500, seed=1)
        prior = log_prior([row.target for row in train], LETTERS)
        assert accuracy(others, fit_auto(train, LETTERS, prior)) == 1

    def test_the_scale_of_log_probabilities_does_not_matter(self) -> None:
        rows = drawn(RARE, LIKING, rise=2.0, noise=2.0, rows=48, seed=0)
        wide = [replace(r, choice_log_probs=tuple(5 * each for each in r.choice_log_probs)) for r in rows]
        prior = log_prior([row.target for row in rows], LETTERS)
        tight, scaled = fit_auto(rows, LETTERS, prior), fit_auto(wide, LETTERS, prior)
        assert scaled == pytest.approx([5 * each for each in tight], rel=1e-3)

    @pytest.mark.parametrize("rows", range(1, 60, 7))
    def test_rows_of_one_label_answer_it(self, rows: int) -> None:
        alike = drawn((0.0, 1.0, 0.0), LIKING, rise=2.0, noise=1.0, rows=rows, seed=rows)
        biases = fit_auto(alike, LETTERS, log_prior(["b"] * 48, LETTERS))
        assert max(map(abs, biases)) < 50
        assert accuracy(alike, biases) >= 0.8

    def test_alike_log_probabilities_leave_the_prior(self) -> None:
        biases = fit_auto([answered(0.5, 0.5)], KIND, log_prior(["seed", "seed", "fintech"], KIND))
        assert biases[0] > 0 > biases[1]

    def test_each_choice_of_a_set_is_fitted_for_itself(self) -> None:
        kind = Labels(labels=("a", "b"))
        rows = [
            Outcome(example_id=str(i), target=t, prediction=t, score=1.0, choice_log_probs=p)
            for i, (t, p) in enumerate([("a", (-1.0, -2.0, -5.0, -1.0)), ("b", (-3.0, -2.0, -3.0, -1.0))])
        ]
        biases = fit_auto(rows, kind, (0.0,) * 4)
        assert biases[0] + biases[1] == pytest.approx(0) == biases[2] + biases[3]
        assert biases == pytest.approx((0.0, 0.0, 1.5, -1.5))

    def test_outcomes_without_probabilities_are_left_out(self) -> None:
        biased = [answered(0.95, 0.05), answered(0.81, 0.19, target="fintech")]
        prior = (0.0, 0.0)
        assert fit_auto([*biased, FAILED], KIND, prior) == fit_auto(biased, KIND, prior)
        assert fit_auto([FAILED], KIND, prior) == ()


def test_the_prior_counts_some_rows_more_for_every_label() -> None:
    shares = [math.exp(each) for each in log_prior(["seed"] * 12, KIND)]
    assert shares == pytest.approx([16 / 20, 4 / 20])
    sets = [math.exp(each) for each in log_prior(["a", "a"], Labels(labels=("a", "b")))]
    assert sets == pytest.approx([6 / 10, 4 / 10, 4 / 10, 6 / 10])
