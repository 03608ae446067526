"""Additive biases that take a model's liking for some alternatives out of its answers.

batch       subtracts each alternative's mean log-probability over unlabelled rows of the task, after batch
            calibration (Zhou et al. 2023, arXiv 2309.17249), which subtracts the log of the mean probability;
            small models are confidently wrong on single rows, and the mean of the logs minds those less
auto        takes batch where that makes the right labels of train more likely (lower log loss), else none
contextual  subtracts the log of the mean probability over inputs without content (Zhao et al. 2021,
            arXiv 2102.09690)

Fitted on train, the biases are part of a candidate. Behind them a kind of answer may have a rule of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from opro_local.answers import AnswerKind
from opro_local.records import Example, Outcome

CONTENT_FREE = ("N/A", "", "[MASK]")


def fit_batch(outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    """One bias in nats an alternative from the outcomes on train; targets are not looked at.

    Outcomes without log-probabilities are left out; when none has any, the result is empty.
    """
    rows = _log_probs(outcomes)
    if not rows:
        return ()
    means = np.asarray(rows, dtype=np.float64).mean(axis=0)
    return tuple((means.mean() - means).tolist())  # a constant for all of them changes nothing


def fit_contextual(outcomes: Sequence[Outcome], kind: AnswerKind) -> tuple[float, ...]:
    """One bias in nats an alternative from outcomes on the CONTENT_FREE inputs; empty when none has any."""
    rows = _log_probs(outcomes)
    if not rows:
        return ()
    mean = choice_probabilities(rows, kind).mean(axis=0)
    return tuple((-np.log(np.maximum(mean, np.finfo(np.float64).tiny))).tolist())


def fit_if_better(outcomes: Sequence[Outcome], kind: AnswerKind) -> tuple[float, ...]:
    """The batch biases if the outcomes' targets are more likely with them than without; else empty.

    Log loss is a proper score: unlike accuracy it rewards nothing but better probabilities.
    """
    known = [outcome for outcome in outcomes if outcome.choice_log_probs]
    biases = fit_batch(known)
    gained = known and log_likelihoods(known, kind, biases).mean() > log_likelihoods(known, kind).mean()
    return biases if gained else ()


def log_likelihoods(
    outcomes: Sequence[Outcome], kind: AnswerKind, biases: Sequence[float] = ()
) -> NDArray[np.float64]:
    """(N,) of the targets among the alternatives, in nats; all outcomes have log-probabilities."""
    logits = np.asarray(_log_probs(outcomes), dtype=np.float64) + (np.asarray(biases) if biases else 0.0)
    choices = logits.reshape(len(logits), -1, kind.in_a_choice)
    right = np.array([kind.right_places(outcome.target) for outcome in outcomes])
    shares = log_softmax(choices, axis=2).reshape(logits.shape)
    found: NDArray[np.float64] = np.take_along_axis(shares, right, axis=1).sum(axis=1)
    return found


def confidence(outcome: Outcome, kind: AnswerKind) -> float | None:
    """The probability of what is predicted among all that could be; None where nothing was compared."""
    if outcome.prediction is None or not outcome.choice_log_probs:
        return None
    return math.exp(log_likelihoods([replace(outcome, target=outcome.prediction)], kind)[0])


def choice_probabilities(log_probs: Sequence[Sequence[float]], kind: AnswerKind) -> NDArray[np.float64]:
    """(N, A) log-probabilities of the alternatives in nats to probabilities; each choice sums to 1."""
    logits = np.asarray(log_probs, dtype=np.float64)
    choices = logits.reshape(len(logits), -1, kind.in_a_choice)
    probabilities: NDArray[np.float64] = softmax(choices, axis=2).reshape(logits.shape)
    return probabilities


def calibrated(outcome: Outcome, kind: AnswerKind, calibration: Sequence[float]) -> Outcome:
    """The outcome as the calibrated model has it: log-probabilities with the biases, and what these predict.

    gold_log_likelihood stays what the model gave.
    """
    if not calibration or not outcome.choice_log_probs:
        return outcome
    biases, rule = kind.parts_of(calibration)
    logits = tuple(value + bias for value, bias in zip(outcome.choice_log_probs, biases, strict=True))
    prediction = kind.predicted(logits, rule)
    target = Example(id=outcome.example_id, text="", target=outcome.target)
    return replace(
        outcome,
        prediction=prediction,
        score=kind.worth(prediction, target),
        choice_log_probs=logits,
    )


def _log_probs(outcomes: Sequence[Outcome]) -> list[tuple[float, ...]]:
    return [outcome.choice_log_probs for outcome in outcomes if outcome.choice_log_probs]
