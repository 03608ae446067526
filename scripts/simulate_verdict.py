#!/usr/bin/env python
"""Do the verdicts hold? Whole searches among made-up prompts whose accuracy is known.

K candidates are scored on 50 train rows, the best 5 of them on 50 validation rows, the winner once on n test
rows beside the baselines; all answer the same rows, some of which are hard for all. Four tables: what is
said when all prompts are equally good, how often a true gain of 10 points is told, and both of two prompts in
other metrics (simulated_pairs.py). There the calculation is the one behind "rows needed" (a normal one, with
what an answer varies by), for the gain that comparisons with most rows show on average; of off_by_one, where
rows are right or wrong, it is the exact one of "minimum detectable gain". Where few rows decide a comparison,
a run names no rows needed. simulate_verdict.md holds one run.

    python scripts/simulate_verdict.py --out scripts/simulate_verdict.md
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from simulated_answers import discordance, right_answers
from simulated_pairs import PAIRS, Pair

from opro_local.evidence.paired import Comparison, compare_correct
from opro_local.evidence.verdict import ALPHA, expected_best, power, power_to_tell, verdicts

ROWS = 50
FINALISTS = 5
TEST_ROWS = (50, 100, 400)
CANDIDATES = (80, 1600)
ACCURACY = 0.5
GAIN = 0.1

Answers = NDArray[np.bool_]


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(1), default=5000, help="Searches a line of the first two tables.")
@click.option(
    "--resampled-runs", type=click.IntRange(1), default=500, help="Comparisons a line of the others."
)
@click.option(
    "--pair", "pairs", type=click.Choice(list(PAIRS)), multiple=True, help="Nothing but the lines of these."
)
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the tables as Markdown.")
def main(*, runs: int, resampled_runs: int, pairs: tuple[str, ...], seed: int, out: Path | None) -> None:
    generator = np.random.default_rng(seed)
    chosen = pairs or tuple(PAIRS)
    report = [] if pairs else _report(runs, generator)
    lines = []
    for line in chain(report, _pair_tables(chosen, resampled_runs, generator)):
        click.echo(line)
        lines.append(line)
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _report(runs: int, generator: np.random.Generator) -> Iterator[str]:
    yield f"# Do the verdicts hold?\n\n`python scripts/simulate_verdict.py`, {runs:,} searches a line."
    yield 'Behind the rate of "better" stands its one-sided 99 % upper bound (Clopper and Pearson).'
    yield (
        f"\n## All prompts equally good (accuracy {ACCURACY}), three baselines\n\n"
        "| K | best on train shows (if independent) | n | better than any | bound | worse than any "
        "| intervals that hold the truth |\n|---|---|---|---|---|---|---|"
    )
    for candidates in CANDIDATES:
        for n in TEST_ROWS:
            setting = Setting(candidates=candidates, n=n, baselines=3)
            yield _equal_line(setting, [search(setting, generator) for _ in range(runs)])
    yield (
        f"\n## A true gain of {100 * GAIN:.0f} points over one baseline\n\n"
        "| K | n | better | calculated | intervals that hold the truth |\n|---|---|---|---|---|"
    )
    for n in TEST_ROWS:
        setting = Setting(candidates=CANDIDATES[0], n=n, baselines=1, gain=GAIN)
        yield _gain_line(setting, [search(setting, generator) for _ in range(runs)])


def _pair_tables(names: Sequence[str], runs: int, generator: np.random.Generator) -> Iterator[str]:
    yield (
        "\n## Other metrics: two equally good prompts\n\n"
        f"| metric | comparisons | n | p of better at most {ALPHA} (s.e.) | intervals that hold the truth |\n"
        "|---|---|---|---|---|"
    )
    for name in names:
        for n in TEST_ROWS:
            yield _metric_line(name, n, [PAIRS[name].compared(n, generator) for _ in range(runs)])
    yield (
        "\n## The same, one prompt better\n\n"
        f"| metric | comparisons | true gain | n | p of better at most {ALPHA} (s.e.) | calculated "
        "| few rows decide | intervals that hold the truth |\n|---|---|---|---|---|---|---|---|"
    )
    for name in names:
        yield from _told_lines(name, PAIRS[name], runs, generator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    candidates: int
    n: int
    baselines: int
    gain: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What one search ends with: the best score on train, and the winner beside each baseline on test."""

    shown: float
    comparisons: tuple[Comparison, ...]


def search(setting: Setting, generator: np.random.Generator) -> Search:
    accuracies = np.full(setting.candidates, ACCURACY + setting.gain)
    train = right_answers(accuracies, ROWS, generator).mean(axis=1)
    finalists = np.argsort(-train, kind="stable")[:FINALISTS]
    validation = right_answers(accuracies[finalists], ROWS, generator).mean(axis=1)
    winner = finalists[np.argmax(validation)]
    compared = np.array([accuracies[winner], *[ACCURACY] * setting.baselines])
    ours, *others = right_answers(compared, setting.n, generator)
    return Search(shown=float(train.max()), comparisons=tuple(_compared(ours, theirs) for theirs in others))


def _compared(ours: Answers, theirs: Answers) -> Comparison:
    return _of_counts(int((ours & ~theirs).sum()), int((theirs & ~ours).sum()), len(ours))


@cache
def _of_counts(gains: int, losses: int, n: int) -> Comparison:
    """The comparison depends on nothing else; most counts come again and again."""
    rest = [True] * (n - gains - losses)
    return compare_correct([True] * gains + [False] * losses + rest, [False] * gains + [True] * losses + rest)


def _equal_line(setting: Setting, searches: list[Search]) -> str:
    words = [{verdict.word for verdict in verdicts(found.comparisons)} for found in searches]
    better, worse = (sum(word in said for said in words) for word in ("better", "worse"))
    bound = binomtest(better, len(words), alternative="less").proportion_ci(0.99).high
    shown = np.mean([found.shown for found in searches])
    independent = expected_best(setting.candidates, rates=np.full(ROWS, ACCURACY))
    return (
        f"| {setting.candidates:,} | {shown:.1%} ({independent:.1%}) | {setting.n} "
        f"| {better / len(words):.2%} | {bound:.2%} | {worse / len(words):.2%} "
        f"| {_coverage(searches, 0.0):.1%} |"
    )


def _gain_line(setting: Setting, searches: list[Search]) -> str:
    told = np.mean([verdicts(found.comparisons)[0].word == "better" for found in searches])
    calculated = power(setting.n, setting.gain, discordant=discordance(ACCURACY + setting.gain, ACCURACY))
    covered = _coverage(searches, setting.gain)
    return f"| {setting.candidates:,} | {setting.n} | {told:.1%} | {calculated:.1%} | {covered:.1%} |"


def _metric_line(name: str, n: int, comparisons: Sequence[Comparison]) -> str:
    covered = np.mean([covers(comparison, 0.0) for comparison in comparisons])
    return f"| {name} | {len(comparisons):,} | {n} | {_told(comparisons)} | {covered:.1%} |"


def _told_lines(name: str, pair: Pair, runs: int, generator: np.random.Generator) -> Iterator[str]:
    """The comparisons with most rows say what the gain is and what a row varies by."""
    found = {n: [pair.compared(n, generator, better=True) for _ in range(runs)] for n in TEST_ROWS}
    most = found[max(TEST_ROWS)]
    gain, deviation, step = (
        float(np.mean([getattr(each, field) for each in most]))
        for field in ("difference", "deviation", "step")
    )
    true = replace(most[0], difference=gain, deviation=deviation, step=step)
    for n, comparisons in found.items():
        few, covered = (
            np.mean(each)
            for each in (
                [comparison.few_decide for comparison in comparisons],
                [covers(comparison, gain) for comparison in comparisons],
            )
        )
        exact = power(n, gain, discordant=deviation**2 + gain**2) if pair.marking.spec.whole else None
        yield (
            f"| {name} | {runs:,} | {gain:.3f} | {n} | {_told(comparisons)} "
            f"| {exact or power_to_tell(true, n):.1%} | {few:.0%} | {covered:.1%} |"
        )


def _told(comparisons: Sequence[Comparison]) -> str:
    """How often "better" is said, with its standard error."""
    better = float(np.mean([comparison.p_better <= ALPHA for comparison in comparisons]))
    return f"{better:.1%} ({math.sqrt(better * (1 - better) / len(comparisons)):.1%})"


def _coverage(searches: list[Search], truth: float) -> float:
    return float(
        np.mean([covers(comparison, truth) for found in searches for comparison in found.comparisons])
    )


def covers(comparison: Comparison, truth: float) -> bool:
    low, high = comparison.interval
    return low <= truth <= high


if __name__ == "__main__":
    main()
