"""Kinds whose likelihoods are not of their classes: here two questions of yes or no behind one prompt."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from opro_local.answers import AnswerKind
from opro_local.records import Candidate, Example, Outcome
from opro_local.results.flips import reliability
from opro_local.scoring.calibration import choice_probabilities, fit_auto, log_likelihoods
from opro_local.scoring.marking import Marking
from opro_local.scoring.modes import LikelihoodMode
from opro_local.scoring.render import Layout
from opro_local.testing import ScriptedEngine

FRAGILE, HEAVY = ("fragile: yes", "fragile: no"), ("heavy: yes", "heavy: no")


@dataclass(frozen=True, kw_only=True)
class Parcel(AnswerKind):
    """Targets such as "fragile", "fragile heavy" and "-"."""

    alternatives = (*FRAGILE, *HEAVY)
    in_a_choice = 2
    metrics = ("accuracy", "log_loss")

    def right_places(self, target: str) -> tuple[int, ...]:
        return ("fragile" not in target, 2 + ("heavy" not in target))

    def predicted(self, log_probs: Sequence[float], rule: Sequence[float] = ()) -> str:
        said = [log_probs[0] >= log_probs[1], log_probs[2] >= log_probs[3]]
        return " ".join(word for word, yes in zip(("fragile", "heavy"), said, strict=True) if yes) or "-"

    def calibrations(
        self, outcomes: Sequence[Outcome], biases: tuple[float, ...]
    ) -> Sequence[tuple[float, ...]]:
        return [(), *((shift, 0.0, shift, 0.0) for shift in (1.0, 2.0))]


KIND = Parcel()


def outcome(fragile: float, heavy: float, target: str) -> Outcome:
    """With the chances of yes."""
    chances = (fragile, 1 - fragile, heavy, 1 - heavy)
    log_probs = tuple(math.log(chance / 2) for chance in chances)
    said = KIND.predicted(log_probs)
    return Outcome(
        example_id=target,
        target=target,
        prediction=said,
        score=KIND.worth(said, Example(id=target, text="", target=target)),
        choice_log_probs=log_probs,
    )


def test_alternatives_are_asked_for_behind_one_prompt_and_the_kind_reads_them() -> None:
    sure = {"fragile: yes": -0.5, "fragile: no": -2.0, "heavy: yes": -3.0, "heavy: no": -1.0}
    engine = ScriptedEngine(log_prob=lambda text: sure[text.rpartition("[assistant] ")[2]])
    mode = LikelihoodMode(engine, KIND)
    row = Example(id="1", text="A vase.", target="fragile")
    layout = Layout(position="Q_begin", qa=False, chat=engine.chat)
    request = mode.request(layout.prompt(Candidate(instruction="Sort."), row.text, ()), row)
    assert request is not None
    found = mode.outcome(row, request, mode.run([request])[0])
    assert (found.prediction, found.score, found.choice_log_probs) == ("fragile", 1.0, tuple(sure.values()))
    assert found.gold_log_likelihood == pytest.approx(-0.5 - 1.0)


def test_each_choice_has_probabilities_of_its_own() -> None:
    rows = choice_probabilities([outcome(0.9, 0.2, "-").choice_log_probs], KIND)
    assert rows[0] == pytest.approx([0.9, 0.1, 0.2, 0.8])


def test_the_likelihood_of_a_target_is_that_of_all_its_choices() -> None:
    rows = [outcome(0.9, 0.2, "fragile"), outcome(0.9, 0.2, "heavy")]
    assert log_likelihoods(rows, KIND) == pytest.approx([math.log(0.9 * 0.8), math.log(0.1 * 0.2)])
    score = Marking(kind=KIND).score(Marking(kind=KIND).answers(rows))
    assert score.metrics == {"log_loss": pytest.approx(-math.log(0.9 * 0.8 * 0.1 * 0.2) / 2)}


def test_biases_are_fitted_choice_by_choice() -> None:
    rows = [outcome(0.9, 0.5, "fragile"), outcome(0.6, 0.5, "-")]
    biases = fit_auto(rows, KIND, (0.0,) * 4)
    assert biases[0] < 0 < biases[1]
    assert biases[0] + biases[1] == pytest.approx(0) == biases[2] + biases[3]


def test_of_the_calibrations_of_a_kind_the_best_in_the_metric_is_taken() -> None:
    marking = Marking(kind=KIND)
    rows = [outcome(0.4, 0.1, "fragile"), outcome(0.45, 0.01, "fragile")]
    assert marking.fitted(rows, ()) == (1.0, 0.0, 1.0, 0.0)
    assert [a.prediction for a in marking.answers(rows, (1.0, 0.0, 1.0, 0.0))] == ["fragile", "fragile"]
    assert marking.fitted([outcome(0.9, 0.1, "fragile")], ()) == ()
    assert marking.fitted([Outcome(example_id="e", target="-", prediction=None, score=0.0)], ()) == ()


def test_confidence_is_the_probability_of_what_is_predicted() -> None:
    (only,) = reliability(Marking(kind=KIND).answers([outcome(0.9, 0.5, "-")]), KIND)
    assert only.confidence == pytest.approx(0.45)
