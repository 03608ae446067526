#!/usr/bin/env python
"""Do fitted thresholds of label sets promise too much? Made-up log-odds of labels, whose truth is known.

Rows have each of six labels by itself, one at .35 and the rarest at .1. A model's log-odds of a label are
normal around a liking of its own (standard deviation 2 among labels) and one of the row for all labels
(standard deviation "row"), higher by the signal on rows that have it (0: it knows nothing), with noise of
standard deviation 1. Calibrations are fitted on the train rows and used on 2,000 others.

none       0: yes is likelier than no
log loss   the bias at which the right answers are likeliest
F1         label by label the threshold with the best F1 on train
matched    as many train rows are given a label as have it
beyond     the same of what log-odds have beyond the row's mean
ours       none, matched or beyond, whichever has the best example-F1 on train (opro_local/answers/labels.py)

For each: example-F1 on train, on the other rows, and the gap of the two with its standard error: what the
figure on train promises too much. simulate_thresholds.md holds one run.

    python scripts/simulate_thresholds.py --out scripts/simulate_thresholds.md
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_expit
from scipy.stats import sem
from sklearn.metrics import f1_score, precision_recall_curve

from opro_local.answers.labels import Labels
from opro_local.records import Outcome
from opro_local.scoring.marking import Marking

RATES = {"a": 0.35, "b": 0.35, "c": 0.25, "d": 0.2, "e": 0.15, "f": 0.1}
LIKING = 2.0
SIGNALS = (0.0, 1.5, 3.0)
ROWS = (0.0, 2.0)
"""Standard deviations of the rows' likings."""
TRAIN_ROWS = (48, 150)
TEST_ROWS = 2000
KIND = Labels(labels=tuple(RATES), metric="example_f1")
MARKING = Marking(kind=KIND, metric="example_f1")

Sets = NDArray[np.bool_]
Odds = NDArray[np.float64]
Fit = Callable[[Odds, Sets], Sequence[float]]
"""(N, L) log-odds and labels of train rows -> a calibration: 2 L biases, and the rule if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Example-F1 of one fit on its train rows and on others."""

    train: float
    test: float


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(2), default=400, help="Fits a line.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table as Markdown.")
def main(*, runs: int, seed: int, out: Path | None) -> None:
    lines = []
    for line in _report(runs, seed):
        click.echo(line)
        lines.append(line)
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _report(runs: int, seed: int) -> Iterator[str]:
    yield "# Do fitted thresholds promise too much?\n"
    yield f"`python scripts/simulate_thresholds.py`, {runs} fits a line.\n"
    columns = ("signal", "row", "train rows", "calibration", "F1 on train", "F1 on others", "gap")
    yield f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    for setting in product(SIGNALS, ROWS, TRAIN_ROWS):
        found: dict[str, list[Promise]] = {rule: [] for rule in RULES}
        for run in range(runs):
            for rule, promise in one_fit(*setting, np.random.default_rng([seed, run])).items():
                found[rule].append(promise)
        for rule, promises in found.items():
            yield _line(setting, rule, promises)


def _line(setting: Sequence[float], rule: str, promises: Sequence[Promise]) -> str:
    train, test = (np.array([getattr(each, part) for each in promises]) for part in ("train", "test"))
    gap = train - test
    return (
        f"| {' | '.join(f'{value:g}' for value in setting)} | {rule} | {train.mean():.3f} "
        f"| {test.mean():.3f} | {gap.mean():+.3f} ± {sem(gap):.3f} |"
    )


def one_fit(signal: float, spread: float, rows: int, generator: np.random.Generator) -> Mapping[str, Promise]:
    """All rules on the same rows."""
    sets = generator.random((rows + TEST_ROWS, len(RATES))) < np.array(list(RATES.values()))
    liking = generator.normal(scale=LIKING, size=len(RATES))
    of_rows = generator.normal(scale=spread, size=(len(sets), 1))
    odds = liking + of_rows + signal * (sets - 0.5) + generator.normal(size=sets.shape)
    train, test = slice(rows), slice(rows, None)
    fitted = {rule: fit(odds[train], sets[train]) for rule, fit in RULES.items()}
    return {
        rule: Promise(
            train=example_f1(said(odds[train], calibration), sets[train]),
            test=example_f1(said(odds[test], calibration), sets[test]),
        )
        for rule, calibration in fitted.items()
    }


def said(odds: Odds, calibration: Sequence[float]) -> Sets:
    """What KIND predicts, for all rows at once."""
    biases, rule = KIND.parts_of(calibration or [0.0] * len(KIND.alternatives))
    calibrated = odds + np.array(biases[::2]) - np.array(biases[1::2])
    least = calibrated.mean(axis=1, keepdims=True) + rule[0] if rule else 0.0
    given: Sets = calibrated > least
    return given


def example_f1(said: Sets, right: Sets) -> float:
    score: float = f1_score(right, said, average="samples", zero_division=1)
    return score


def _likeliest(odds: Odds, sets: Sets) -> list[float]:
    def loss(bias: float, column: int) -> float:
        signed = np.where(sets[:, column], 1, -1) * (odds[:, column] + bias)
        return -float(log_expit(signed).sum())

    columns = range(odds.shape[1])
    found = (minimize_scalar(loss, args=(i,), bounds=(-9, 9), method="bounded").x for i in columns)
    return [bias for added in found for bias in (float(added), 0.0)]


def _best_f1(odds: Odds, sets: Sets) -> list[float]:
    thresholds = [_best_threshold(odds[:, i], sets[:, i]) for i in range(odds.shape[1])]
    return [bias for threshold in thresholds for bias in (-threshold, 0.0)]


def _best_threshold(odds: Odds, given: Sets) -> float:
    """Just below the value from which on rows are given the label; beyond all where none has it."""
    if not given.any():
        return float(odds.max()) + 1
    precision, recall, thresholds = precision_recall_curve(given, odds)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)[:-1]
    return float(thresholds[int(np.argmax(f1))]) - 1e-6


def _matched(odds: Odds, sets: Sets) -> Sequence[float]:
    return KIND.calibrations(_outcomes(odds, sets), ())[1]


def _beyond(odds: Odds, sets: Sets) -> Sequence[float]:
    return KIND.calibrations(_outcomes(odds, sets), ())[2]


def _ours(odds: Odds, sets: Sets) -> Sequence[float]:
    return MARKING.fitted(_outcomes(odds, sets), ())


def _outcomes(odds: Odds, sets: Sets) -> list[Outcome]:
    return [_outcome(number, *row) for number, row in enumerate(zip(odds, sets, strict=True))]


def _outcome(number: int, odds: Odds, has: Sets) -> Outcome:
    log_probs = tuple(np.stack([log_expit(odds), log_expit(-odds)], axis=1).ravel().tolist())
    target = KIND.predicted([1.0 if wanted else -1.0 for label in has for wanted in (label, not label)])
    prediction = KIND.predicted(log_probs)
    return Outcome(
        example_id=str(number), target=target, prediction=prediction, score=0.0, choice_log_probs=log_probs
    )


RULES: Mapping[str, Fit] = {
    "none": lambda _odds, _sets: (),
    "log loss": _likeliest,
    "F1": _best_f1,
    "matched": _matched,
    "beyond": _beyond,
    "ours": _ours,
}

if __name__ == "__main__":
    main()
