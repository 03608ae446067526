"""Additive biases that take a model's liking for some labels out of its answers.

batch       subtracts each label's mean log-probability over unlabelled rows of the task, after batch
            calibration (Zhou et al. 2023, arXiv 2309.17249), which subtracts the log of the mean probability;
            small models are confidently wrong on single rows, and the mean of the logs minds those less
auto        takes batch where that makes the right labels of train more likely (lower log loss), else none
contextual  subtracts the log of the mean probability over inputs without content (Zhao et al. 2021,
            arXiv 2102.09690)

Fitted on train, the biases are part of a candidate.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from opro_local.answers import AnswerKind
from opro_local.records import Example, Outcome

CONTENT_FREE = ("N/A", "", "[MASK]")


def fit_batch(outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    """One bias in nats a label from the outcomes on train; targets are not looked at.

    Outcomes without log-probabilities are left out; when none has any, the result is empty.
    """
    rows = _log_probs(outcomes)
    if not rows:
        return ()
    means = np.asarray(rows, dtype=np.float64).mean(axis=0)
    return tuple((means.mean() - means).tolist())  # a constant for all labels changes nothing


def fit_contextual(outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    """One bias in nats a label from the outcomes on the CONTENT_FREE inputs; empty when none has any."""
    rows = _log_probs(outcomes)
    if not rows:
        return ()
    mean = choice_probabilities(rows).mean(axis=0)
    return tuple((-np.log(np.maximum(mean, np.finfo(np.float64).tiny))).tolist())


def fit_if_better(outcomes: Sequence[Outcome], labels: Sequence[str]) -> tuple[float, ...]:
    """The batch biases if the outcomes' targets are more likely with them than without; else empty.

    Log loss is a proper score: unlike accuracy it rewards nothing but better probabilities.
    """
    biases = fit_batch(outcomes)
    return biases if biases and _log_loss(outcomes, labels, biases) < _log_loss(outcomes, labels) else ()


def _log_loss(outcomes: Sequence[Outcome], labels: Sequence[str], biases: Sequence[float] = ()) -> float:
    """Mean over the outcomes with log-probabilities, in nats."""
    known = [outcome for outcome in outcomes if outcome.choice_log_probs]
    targets = [labels.index(outcome.target) for outcome in known]
    logits = np.asarray(_log_probs(known)) + (np.asarray(biases) if biases else 0.0)
    return float(-log_softmax(logits, axis=1)[np.arange(len(known)), targets].mean())


def _log_probs(outcomes: Sequence[Outcome]) -> list[tuple[float, ...]]:
    return [outcome.choice_log_probs for outcome in outcomes if outcome.choice_log_probs]


def choice_probabilities(
    log_probs: Sequence[Sequence[float]], biases: Sequence[float] = ()
) -> NDArray[np.float64]:
    """(N, C) log-probabilities in nats to probabilities over the C choices; each row sums to 1."""
    logits = np.asarray(log_probs, dtype=np.float64)
    probabilities: NDArray[np.float64] = softmax(logits + np.asarray(biases) if biases else logits, axis=1)
    return probabilities


def calibrated(outcome: Outcome, kind: AnswerKind, biases: Sequence[float]) -> Outcome:
    """The outcome as the calibrated model has it: log-probabilities with the biases, and what these predict.

    Of equally probable labels the first is predicted. gold_log_likelihood stays what the model gave.
    """
    if not biases or not outcome.choice_log_probs:
        return outcome
    logits = tuple(value + bias for value, bias in zip(outcome.choice_log_probs, biases, strict=True))
    prediction = kind.classes[logits.index(max(logits))]
    target = Example(id=outcome.example_id, text="", target=outcome.target)
    return replace(
        outcome,
        prediction=prediction,
        score=kind.worth(prediction, target),
        choice_log_probs=logits,
    )
