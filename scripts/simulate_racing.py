#!/usr/bin/env python
"""What racing saves and what it costs, among made-up prompts whose true accuracy is known.

A search scores 8 candidates a step; each races against the best so far, and who reaches the last row may be
among the 5 that validation chooses from. The same answers are searched without racing as well. Most
accuracies lie below that of the best so far: in the wide spread by 5 to 45 points, in the narrow one by up
to 25.

error        the stated rate: the most that may leave of the candidates that full scoring would put level with
             the best so far, or ahead
saved        scored pairs without racing over those with it, the two starts included
winner       the winner's true accuracy minus that without racing, in points, with its standard error
level        candidates that full scoring would put level or ahead, and how many of them left
as good      of the candidates in truth as good as the best so far, whose score is partly luck: how many full
             scoring puts behind it, and how many left

simulate_racing.md holds one run.

    python scripts/simulate_racing.py --out scripts/simulate_racing.md
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import sem
from simulated_answers import right_answers

from opro_local.evidence.racing import has_lost

STARTS = 2
CANDIDATES_A_STEP = 8
FINALISTS = 5
SPREADS = {"wide": (0.5, 0.1), "narrow": (0.6, 0.05)}
"""Mean and standard deviation of the candidates' true accuracies."""

Numbers = NDArray[np.float64]
Answers = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A search of a budget, with its share of validation rows."""

    name: str
    steps: int
    rows: int
    block: int
    validation: int

    @property
    def candidates(self) -> int:
        return STARTS + self.steps * CANDIDATES_A_STEP


SETTINGS = (
    Setting(name="light", steps=10, rows=48, block=16, validation=24),
    Setting(name="light", steps=10, rows=48, block=8, validation=24),
    Setting(name="medium", steps=40, rows=128, block=16, validation=64),
    Setting(name="medium", steps=40, rows=128, block=8, validation=64),
    Setting(name="heavy", steps=200, rows=512, block=16, validation=256),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Rows scored of each candidate, and whom it raced against; a start races against itself."""

    scored: NDArray[np.int64]
    against: NDArray[np.int64]

    @property
    def left(self) -> Answers:
        left: Answers = self.scored < self.scored.max()
        return left

    def no_worse(self, values: NDArray[np.int64] | Numbers) -> Answers:
        """Which candidates are at least as good by these values as whom they raced against."""
        good: Answers = values >= values[self.against]
        good[:STARTS] = False
        return good


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One search: pairs scored, true accuracy gained by racing, and numbers of candidates."""

    pairs: int
    gained: float
    level: int
    level_left: int
    as_good: int
    as_good_behind: int
    as_good_left: int


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(20), default=500, help="Searches a line; a tenth for heavy.")
@click.option("--alpha", "alphas", type=click.FloatRange(0, 1), multiple=True, default=(0.2, 0.3))
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table as Markdown.")
def main(*, runs: int, alphas: Sequence[float], seed: int, out: Path | None) -> None:
    lines = []
    for line in _report(runs, alphas, seed):
        click.echo(line)
        lines.append(line)
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _report(runs: int, alphas: Sequence[float], seed: int) -> Iterator[str]:
    yield f"# What racing saves and costs\n\n`python scripts/simulate_racing.py`, {runs:,} searches a line"
    yield "(heavy: a tenth of them).\n"
    yield "| budget | rows, block | spread | error | saved | winner | level, left | as good: behind, left |"
    yield "|---|---|---|---|---|---|---|---|"
    for setting in SETTINGS:
        count = runs // 10 if setting.name == "heavy" else runs
        for spread in SPREADS:
            for alpha in alphas:
                generators = (np.random.default_rng([seed, run]) for run in range(count))
                results = [simulate(setting, spread, alpha, generator) for generator in generators]
                searched = f"| {setting.name} | {setting.rows}, {setting.block} | {spread} | {alpha:.0%} "
                yield searched + _line(setting, results)


def simulate(setting: Setting, spread: str, alpha: float, generator: np.random.Generator) -> Result:
    """One search with racing and, on the same answers, without."""
    drawn = generator.normal(*SPREADS[spread], size=setting.candidates)
    accuracies = np.clip(drawn, 0.05, 0.95)
    train = right_answers(accuracies, setting.rows, generator)
    validation = right_answers(accuracies, setting.validation, generator).sum(axis=1)
    totals = train.sum(axis=1)
    race = run_race(train, setting, alpha, generator)
    finished = np.flatnonzero(race.scored == setting.rows)
    raced, full = (_winner(ids, totals, validation) for ids in (finished, np.arange(len(totals))))
    level, as_good = race.no_worse(totals), race.no_worse(accuracies)
    return Result(
        pairs=int(race.scored.sum()),
        gained=float(accuracies[raced] - accuracies[full]),
        level=int(level.sum()),
        level_left=int((level & race.left).sum()),
        as_good=int(as_good.sum()),
        as_good_behind=int((as_good & ~level).sum()),
        as_good_left=int((as_good & race.left).sum()),
    )


def run_race(train: Answers, setting: Setting, alpha: float, generator: np.random.Generator) -> Race:
    totals = train.sum(axis=1)
    scored = np.full(setting.candidates, setting.rows)
    against = np.arange(setting.candidates)
    for first in range(STARTS, setting.candidates, CANDIDATES_A_STEP):
        best = np.argmax(np.where(scored[:first] == setting.rows, totals[:first], -1))
        order = generator.permutation(setting.rows)
        for candidate in range(first, first + CANDIDATES_A_STEP):
            differences = train[candidate, order].astype(np.float64) - train[best, order]
            scored[candidate] = _rows_scored(differences, setting, alpha)
            against[candidate] = best
    return Race(scored=scored, against=against)


def _rows_scored(differences: Numbers, setting: Setting, alpha: float) -> int:
    for end in range(setting.block, setting.rows, setting.block):
        if has_lost(differences[:end], rows=setting.rows, alpha=alpha):
            return end
    return setting.rows


def _winner(ids: NDArray[np.int64], totals: NDArray[np.int64], validation: NDArray[np.int64]) -> int:
    finalists = ids[np.argsort(-totals[ids], kind="stable")[:FINALISTS]]
    return int(finalists[np.argmax(validation[finalists])])


def _line(setting: Setting, results: Sequence[Result]) -> str:
    saved = len(results) * setting.candidates * setting.rows / sum(result.pairs for result in results)
    gained = [100 * result.gained for result in results]
    level = max(1, sum(result.level for result in results))
    as_good = max(1, sum(result.as_good for result in results))
    left = sum(result.level_left for result in results) / level
    behind = sum(result.as_good_behind for result in results) / as_good
    as_good_left = sum(result.as_good_left for result in results) / as_good
    return (
        f"| {saved:.2f} | {np.mean(gained):+.2f} ± {sem(gained):.2f} "
        f"| {level:,}, {left:.1%} | {behind:.0%}, {as_good_left:.0%} |"
    )


if __name__ == "__main__":
    main()
