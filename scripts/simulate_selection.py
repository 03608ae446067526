#!/usr/bin/env python
"""What the score of a chosen finalist promises, and how good the choice is, on answers that are made up.

A search scores 60 candidates on train; the best and two starts are the finalists, which validation measures
too. Their true accuracies are normal around .6 (spread: the standard deviation; starts are .05 lower), and
all answer the same rows (scripts/simulated_answers.py). Fitted candidates look better on train than they are,
each by its own amount, .02 on average: shots and calibration are chosen there.

naive        the best on validation, and its score there
split        the best on train and validation, and its score on validation
shrunken     the best on validation, its score shrunk towards the finalists' mean (Hoyt's reliability)
ours         the best on train and validation, a row of train counting half, and the out-of-bag estimate
             (opro_local/evidence/selection.py)

For each: bias (what is promised less the true accuracy, in points), error (root mean square, rows' own luck
included), and the chosen one's true accuracy beside the naive choice's, with its standard error. Of ours also
how often the interval holds the truth. simulate_selection.md holds one run.

    python scripts/simulate_selection.py --out scripts/simulate_selection.md
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import sem
from simulated_answers import right_answers

from opro_local.evidence.headroom import reliability
from opro_local.evidence.intervals import wilson
from opro_local.evidence.selection import Contest

CANDIDATES = 60
STARTS = 2
BASE = 0.6
BEHIND = 0.05
FITTED = 0.02
SPREADS = (0.0, 0.03, 0.06, 0.1)
ROWS = ((48, 24), (48, 48), (150, 100), (150, 200))
FINALISTS = (5, 9)
RULES = ("naive", "split", "shrunken", "ours")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    finalists: int
    train: int
    validation: int
    spread: float
    fitted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised of the chosen one, and its true accuracy."""

    promised: float
    truth: float


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(10), default=100, help="Searches a line.")
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
    yield "# What a chosen score promises\n"
    yield f"`python scripts/simulate_selection.py`, {runs:,} searches a line; bias and error in points.\n"
    biases = " | ".join(f"{rule}: bias, error" for rule in RULES)
    yield f"| finalists | train, validation | spread | fitted | {biases} | choice: split | ours | interval |"
    yield "|---" * (4 + len(RULES) + 3) + "|"
    every = []
    for finalists, (train, validation), spread, fitted in product(FINALISTS, ROWS, SPREADS, (0.0, FITTED)):
        setting = Setting(
            finalists=finalists, train=train, validation=validation, spread=spread, fitted=fitted
        )
        found = [simulate(setting, np.random.default_rng([seed, run])) for run in range(runs)]
        every.append([bias(found, rule) for rule in RULES])
        yield _line(setting, found)
    means, worst = np.mean(every, axis=0), np.abs(every).max(axis=0)
    yield f"\n{len(every)} lines: mean bias, and the largest of a line"
    yield ", ".join(f"{rule} {m:+.1f}, {w:.1f}" for rule, m, w in zip(RULES, means, worst, strict=True)) + "."


Found = tuple[Mapping[str, Promise], bool]


def simulate(setting: Setting, generator: np.random.Generator) -> Found:
    """One search by every rule; and whether the interval of ours holds the truth."""
    truth = generator.normal(BASE, setting.spread, CANDIDATES)
    truth[:STARTS] -= BEHIND
    truth = np.clip(truth, 0.05, 0.95)
    luck = generator.exponential(setting.fitted, CANDIDATES) if setting.fitted else np.zeros(CANDIDATES)
    train = right_answers(np.clip(truth + luck, 0.05, 0.98), setting.train, generator).astype(np.float64)
    best = np.argsort(-train.mean(axis=1), kind="stable")[: setting.finalists]
    chosen = np.unique([*range(STARTS), *best])
    shown = right_answers(truth, setting.validation, generator).astype(np.float64)[chosen]
    return judged(train[chosen], shown, truth[chosen])


def judged(train: Numbers, shown: Numbers, truth: Numbers) -> Found:
    """Of finalists with answers (K, n) and true accuracies (K)."""
    means = shown.mean(axis=1)
    naive, both = int(means.argmax()), int((train.sum(axis=1) + shown.sum(axis=1)).argmax())
    contest = contest_of(train, shown)
    ours, expected = contest.chosen, contest.expected
    assert expected is not None
    shrunken = means.mean() + reliability(shown) * (means[naive] - means.mean())
    low, high = wilson(int(shown[ours].sum()), shown.shape[1])
    moved = expected - means[ours]
    return {
        "naive": Promise(promised=means[naive], truth=truth[naive]),
        "split": Promise(promised=means[both], truth=truth[both]),
        "shrunken": Promise(promised=float(shrunken), truth=truth[naive]),
        "ours": Promise(promised=expected, truth=truth[ours]),
    }, bool(low + moved <= truth[ours] <= high + moved)


def contest_of(train: Numbers, shown: Numbers) -> Contest:
    """By accuracy, prompts of one length."""

    def addends(answers: Numbers) -> list[csr_array]:
        return [csr_array(np.stack([row, np.ones_like(row)], axis=1)) for row in answers]

    return Contest(
        train=addends(train),
        validation=addends(shown),
        figure=lambda sums: sums[:, 0] / sums[:, 1],
        tokens=[1.0] * len(shown),
    )


def bias(found: Sequence[Found], rule: str) -> float:
    return 100 * float(np.mean([promises[rule].promised - promises[rule].truth for promises, _ in found]))


def _line(setting: Setting, found: Sequence[Found]) -> str:
    cells = [f"{bias(found, rule):+.1f}, {_error(found, rule):.1f}" for rule in RULES]
    choices = [_choice(found, rule) for rule in ("split", "ours")]
    held = np.mean([held for _, held in found])
    about = f"{setting.finalists} | {setting.train}, {setting.validation} | {setting.spread:.2f} "
    return f"| {about}| {setting.fitted:.2f} | {' | '.join([*cells, *choices])} | {held:.0%} |"


def _error(found: Sequence[Found], rule: str) -> float:
    squares = [(promises[rule].promised - promises[rule].truth) ** 2 for promises, _ in found]
    return 100 * float(np.sqrt(np.mean(squares)))


def _choice(found: Sequence[Found], rule: str) -> str:
    gained = [100 * (promises[rule].truth - promises["naive"].truth) for promises, _ in found]
    return f"{np.mean(gained):+.1f} ± {sem(gained):.1f}"


if __name__ == "__main__":
    main()
