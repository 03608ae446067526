"""Figures of the bench of optimizers: a row a model, table and method, over the seeds.

Accuracies are those of the winners that validation picked, on the rows of test, which are the same for all.
The gain is over the start that was best on validation, answered in the same way as the winner. Its interval
comes from a bootstrap over test rows (95 %, percentiles), the seeds of a row together: it tells how far these
winners would hold on other rows, not how far other seeds would fall; that is what sd is for.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean, stdev

import numpy as np
from scipy.stats import bootstrap

from bench.cells import Cell
from bench.rows import machine

SCHEMA_VERSION = 1
RESAMPLES = 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Means over the seeds; sd of test is None for a single one. below_start: by more than its interval.

    flattery is validation less test, surprise what the run expected less test.
    """

    model: str
    optimizer: str
    data: str
    method: str
    seeds: int
    test: float
    sd: float | None
    start: float
    gain: float
    gain_low: float
    gain_high: float
    below_start: bool
    shots: float
    scorer_tokens: float
    asked_tokens: float | None
    optimizer_tokens: float
    pairs: float
    seconds: float
    run_per_least: float | None
    flattery: float
    surprise: float | None


def summary(cells: Iterable[Cell]) -> list[Row]:
    """In the order in which model, table and method first appear."""
    groups: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        name = cell.name
        groups[name.model, name.optimizer, name.data, name.method].append(cell)
    return [_row(group) for group in groups.values()]


def _row(cells: Sequence[Cell]) -> Row:
    name = cells[0].name
    tests = [cell.accuracy for cell in cells]
    gain, low, high = mean_gain(cells)
    return Row(
        model=name.model,
        optimizer=name.optimizer or name.model,
        data=name.data,
        method=name.method,
        seeds=len(cells),
        test=fmean(tests),
        sd=stdev(tests) if len(cells) > 1 else None,
        start=fmean(cell.start for cell in cells),
        gain=gain,
        gain_low=low,
        gain_high=high,
        below_start=high < 0,
        shots=fmean(cell.shots for cell in cells),
        scorer_tokens=fmean(cell.scorer_tokens for cell in cells),
        asked_tokens=_mean([c.asked_tokens for c in cells if c.asked_tokens is not None]),
        optimizer_tokens=fmean(cell.optimizer_tokens for cell in cells),
        pairs=fmean(cell.pairs for cell in cells),
        seconds=fmean(cell.seconds for cell in cells),
        run_per_least=_mean([c.scorer_tokens / c.least_tokens for c in cells if c.least_tokens]),
        flattery=fmean(cell.validation - cell.accuracy for cell in cells),
        surprise=_mean([c.expected - c.accuracy for c in cells if c.expected is not None]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def mean_gain(cells: Sequence[Cell]) -> tuple[float, float, float]:
    """The mean over seeds of winner minus start, with its 95 % interval over the rows of test."""
    by_row = np.mean([_marks(cell.right) - _marks(cell.start_right) for cell in cells], axis=0)
    found = bootstrap(
        (by_row,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0)
    )
    low, high = found.confidence_interval
    return float(by_row.mean()), float(low), float(high)


def _marks(text: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([mark == "1" for mark in text], dtype=np.float64)


def as_json(rows: Sequence[Row], cells: Sequence[Cell]) -> str:
    """One line, with every cell that the rows are made of."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "machine": machine(),
            "rows": [asdict(row) for row in rows],
            "cells": [asdict(cell) for cell in cells],
        }
    )


def as_table(rows: Sequence[Row]) -> str:
    """The rows in columns of equal width."""
    names = [field.name for field in fields(Row)]
    lines = [names, *([_shown(getattr(row, name)) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines
    )


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
