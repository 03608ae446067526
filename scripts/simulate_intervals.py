#!/usr/bin/env python
"""How often do the intervals of macro-F1 and its like hold the truth where labels have few rows?

Candidates whose share of right answers to each label is known answer made-up tables. Two kinds of lines: one
candidate and the interval of its figure; two candidates that are equally good, the interval of their
difference, 0, and how often one of them is called better. A wrong answer is any other label alike ("spread"),
or the label with the most rows ("largest"). Every line is JSON; --out writes the ranges as Markdown too
(scripts/figures/intervals.md).

    python scripts/simulate_intervals.py --out scripts/figures/intervals.md
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from opro_local.evidence.verdict import ALPHA
from opro_local.scoring.metrics import METRICS
from opro_local.scoring.smoothing import Cells, comparison_of, interval_of

TABLES = {name: spec.from_tables for name, spec in METRICS.items() if spec.from_tables is not None}
BESIDE = ((20,), (50, 50))
"""Rows of the labels that a rare label stands beside."""
RARE = (1, 2, 3, 4, 5)
ALL_FEW = ((3,) * 10, (5,) * 10, (10, 10), (20,) * 5)
RATES = ((0.95, 0.95), (0.9, 0.8), (0.9, 0.5), (0.8, 0.2), (0.7, 0.7), (1.0, 0.0))
"""Shares of right answers: to labels with more rows than RARE, to the others. (1, 0): always a large one."""
ALIKE = 0.5
"""Of the second candidate's answers so many are the first one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """sizes are the rows of each label, rates the true shares of right answers."""

    sizes: tuple[int, ...]
    rates: tuple[float, float]
    wrong: str

    @property
    def answers(self) -> NDArray[np.float64]:
        """(C, C) the chance of each answer to each label."""
        sizes = np.array(self.sizes)
        large, few = self.rates
        rates = np.where(sizes > max(RARE), large, few)
        chances: NDArray[np.float64] = np.diag(rates) + (1 - rates)[:, np.newaxis] * self._wrong(sizes)
        return chances

    def _wrong(self, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """(C, C) the chance of each wrong answer; rows add up to 1."""
        others = 1 - np.eye(len(sizes))
        if self.wrong == "largest":
            places = np.where(others > 0, sizes, -1).argmax(axis=1)
            others = np.eye(len(sizes))[places]
        shares: NDArray[np.float64] = others / others.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a metric's intervals did in a setting; better is known of comparisons."""

    what: str
    sizes: tuple[int, ...]
    rates: tuple[float, float]
    wrong: str
    metric: str
    covered: float
    width: float
    better: float | None = None


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(1), default=500, help="Tables a line of one candidate.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the ranges as Markdown.")
def main(*, runs: int, seed: int, out: Path | None) -> None:
    generator = np.random.default_rng(seed)
    lines = []
    for setting in settings():
        for line in (*one(setting, runs, generator), *two(setting, runs, generator)):
            click.echo(json.dumps(asdict(line)))
            lines.append(line)
    if out is not None:
        out.write_text("\n".join(_report(lines, runs)) + "\n", encoding="utf-8")


def settings() -> Iterator[Setting]:
    sizes = [*((*beside, rare) for beside in BESIDE for rare in RARE), *ALL_FEW]
    for each, rates, wrong in product(sizes, RATES, ("spread", "largest")):
        yield Setting(sizes=each, rates=rates, wrong=wrong)


def one(setting: Setting, runs: int, generator: np.random.Generator) -> Iterator[Line]:
    """The intervals of one candidate's figures."""
    sizes = np.array(setting.sizes)
    truth = np.pad(setting.answers * sizes[:, np.newaxis], [(0, 0), (0, 1)])[np.newaxis]
    found = [Cells.of(*_answered(setting, 1, generator), len(sizes)) for _ in range(runs)]
    for name, statistic in TABLES.items():
        intervals = [interval_of(cells, statistic) for cells in found]
        yield _line("interval", setting, name, [i for i in intervals if i], float(statistic(truth)[0]))


def two(setting: Setting, runs: int, generator: np.random.Generator) -> Iterator[Line]:
    """Two candidates that are equally good, on half as many tables."""
    tables = range((runs + 1) // 2)
    found = [Cells.of(*_answered(setting, 2, generator), len(setting.sizes)) for _ in tables]
    for name, statistic in TABLES.items():
        compared = [comparison_of(cells, statistic) for cells in found]
        better = float(np.mean([each.p_better <= ALPHA for each in compared]))
        yield _line("difference", setting, name, [each.interval for each in compared], 0.0, better)


def _answered(
    setting: Setting, candidates: int, generator: np.random.Generator
) -> tuple[list[int], list[list[int]]]:
    """The labels of all rows, and what each candidate answers."""
    targets = np.repeat(np.arange(len(setting.sizes)), setting.sizes)
    limits = setting.answers.cumsum(axis=1)[targets]  # (N, C)
    drawn = generator.random((candidates, len(targets)))
    drawn[1:] = np.where(generator.random(drawn[1:].shape) < ALIKE, drawn[0], drawn[1:])
    said = (drawn[:, :, np.newaxis] >= limits[:, :-1]).sum(axis=2)
    return targets.tolist(), said.tolist()


def _line(
    what: str,
    setting: Setting,
    metric: str,
    intervals: Sequence[tuple[float, float]],
    truth: float,
    better: float | None = None,
) -> Line:
    ends = np.array(intervals)
    margin = 1e-9  # sums differ in their last digits
    covered = float(np.mean((ends[:, 0] <= truth + margin) & (truth <= ends[:, 1] + margin)))
    width = round(float(np.mean(ends[:, 1] - ends[:, 0])), 3)
    return Line(
        what=what, **asdict(setting), metric=metric, covered=round(covered, 3), width=width, better=better
    )


def _report(lines: Sequence[Line], runs: int) -> Iterator[str]:
    yield "# Do intervals hold the truth where labels have few rows?\n"
    yield f"`python scripts/simulate_intervals.py`, {runs:,} tables a line, half as many for differences;"
    yield f"mean and lowest coverage over {len(RATES)} pairs of true rates and two kinds of wrong answers.\n"
    yield "| rows of the labels | metric | interval: mean | lowest | difference: mean | lowest | better |"
    yield "|---|---|---|---|---|---|---|"
    for sizes in dict.fromkeys(line.sizes for line in lines):
        for metric in TABLES:
            own = [line for line in lines if (line.sizes, line.metric) == (sizes, metric)]
            yield _row(_sizes(sizes), metric, own)


def _row(sizes: str, metric: str, lines: Sequence[Line]) -> str:
    ranges = []
    for what in ("interval", "difference"):
        covered = [line.covered for line in lines if line.what == what]
        ranges.append(f"{np.mean(covered):.1%} | {min(covered):.1%}")
    better = max(line.better for line in lines if line.better is not None)
    return f"| {sizes} | {metric} | {' | '.join(ranges)} | at most {better:.1%} |"


def _sizes(sizes: Sequence[int]) -> str:
    return f"{len(sizes)} of {sizes[0]}" if len(set(sizes)) == 1 else " + ".join(map(str, sizes))


if __name__ == "__main__":
    main()
