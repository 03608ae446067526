"""Additive biases that take a model's liking for some alternatives out of its answers.

batch       subtracts each alternative's mean log-probability over unlabelled rows of the task, after batch
            calibration (Zhou et al. 2023, arXiv 2309.17249), which subtracts the log of the mean probability;
            small models are confidently wrong on single rows, and the mean of the logs minds those less
contextual  subtracts the log of the mean probability over inputs without content (Zhao et al. 2021,
            arXiv 2102.09690)
auto        is batch calibration that knows how common labels are. Batch takes all alternatives for equally
            common: where most rows are of one label, it takes away what the model rightly sees in them. So
            what a label rises by on its own rows is left out of the mean, and its log prior is put in
            (logit adjustment, Menon et al. 2021, arXiv 2007.07314), on the scale on which the right labels
            of train are likeliest (temperature scaling, Guo et al. 2017, arXiv 1706.04599). What is then
            still answered too often or too seldom is corrected as far as the rows bear it out: by the
            intercepts of a logistic regression, shrunk to zero.

Fitted on what a search reads, the biases are part of a candidate. Behind them a kind of answer may have a
rule of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from opro_local.answers import AnswerKind
from opro_local.records import Example, Outcome

CONTENT_FREE = ("N/A", "", "[MASK]")
SMOOTHING = 4
"""Rows that each alternative is taken to have besides: few rows say little of how common it is."""
SCALES = (0.1, 10.0)
"""Between which log-probabilities may be scaled, in units of one over their standard deviation."""
SHRINKAGE = 8.0
"""Nats of likelihood that half of a squared correction costs: what 8 rows say weighs about as much."""

Array = NDArray[np.float64]


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


def log_prior(targets: Sequence[str], kind: AnswerKind) -> tuple[float, ...]:
    """(A,) in nats: how common each alternative is in its choice, going by so many targets."""
    right = _one_hot(targets, kind)
    counts = right.sum(axis=0) + SMOOTHING
    logs: Array = np.log(counts / counts.sum(axis=1, keepdims=True))
    return tuple(logs.reshape(-1).tolist())


def fit_auto(
    outcomes: Sequence[Outcome], kind: AnswerKind, prior: Sequence[float], weight: float = 1.0
) -> tuple[float, ...]:
    """One bias in nats an alternative from the outcomes on train and the log prior (A,), see above.

    weight, from 0 to 1, is how much of what favours common alternatives goes in. Outcomes without
    log-probabilities are left out; when none has any, the result is empty.
    """
    known = [outcome for outcome in outcomes if outcome.choice_log_probs]
    if not known:
        return ()
    right = _one_hot([outcome.target for outcome in known], kind)
    logits = np.asarray(_log_probs(known), dtype=np.float64).reshape(right.shape)
    logits -= logits.mean(axis=2, keepdims=True)
    biases = _without_rise(logits, right)
    added: Array = np.reshape(prior, biases.shape)
    scale = _scale(logits + biases, right, added)
    added = added + _corrections(scale * (logits + biases) + added, right)
    biases += weight * added / scale
    return tuple((biases - biases.mean(axis=1, keepdims=True)).reshape(-1).tolist())


def _without_rise(logits: Array, right: Array) -> Array:
    """(N, C, S) -> (C, S): minus the mean logits of rows as if every alternative were right equally often.

    Least squares: a logit is its alternative's liking and, where the alternative is right, a rise that all
    have in common. It can be told from a liking only if not all rows have the same label.
    """
    own = right - 1 / right.shape[2]
    spread = own - own.mean(axis=0)
    told = bool((right != right[0]).any())
    rise = float((logits * spread).sum() / (spread**2).sum()) if told else 0.0
    liking: Array = logits.mean(axis=0) - rise * own.mean(axis=0)
    return -liking


def _scale(logits: Array, right: Array, prior: Array) -> float:
    """What logits (N, C, S) are multiplied by, the prior (C, S) added, to make the right ones likeliest."""
    deviation = float(logits.std()) or 1.0

    def loss(scale: float) -> float:
        shares: Array = log_softmax(scale / deviation * logits + prior, axis=2)
        return -float((shares * right).sum())

    return float(minimize_scalar(loss, bounds=SCALES, method="bounded").x) / deviation


def _corrections(logits: Array, right: Array) -> Array:
    """(C, S) in nats to be added to logits (N, C, S), so that the right ones become likelier."""

    def loss(flat: Array) -> tuple[float, Array]:
        added = flat.reshape(logits.shape[1:])
        shares: Array = log_softmax(logits + added, axis=2)
        slope = (np.exp(shares) - right).sum(axis=0) + SHRINKAGE * added
        return float(SHRINKAGE * (added**2).sum() / 2 - (shares * right).sum()), slope.reshape(-1)

    found: Array = minimize(loss, np.zeros(right[0].size), jac=True, method="L-BFGS-B").x
    return found.reshape(logits.shape[1:])


def _one_hot(targets: Sequence[str], kind: AnswerKind) -> Array:
    """(N, C, S): 1 at the right one of the S alternatives of each of C choices."""
    right = np.zeros((len(targets), len(kind.alternatives)))
    for row, target in zip(right, targets, strict=True):
        row[list(kind.right_places(target))] = 1.0
    return right.reshape(len(targets), -1, kind.in_a_choice)


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
