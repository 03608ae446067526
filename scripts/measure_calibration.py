#!/usr/bin/env python
"""What each way to calibrate is worth on a table, also where its labels are not equally common.

Direct instructions with no, few and many shots answer the rows of the table once. Then, again and again, rows
are drawn so that the labels have the shares asked for; biases are fitted on so many of them and measured on
others, the same for every number. Prints a table of means over candidates and draws, and of those of the best
five candidates in brackets; as the last line, JSON.

    python scripts/measure_calibration.py --data mails.csv --text email --label category --shares 4,1 \
        --train-rows 48 --train-rows 148
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import click
import numpy as np
from sklearn.model_selection import train_test_split

from opro_local.answers import AnswerKind
from opro_local.config import BudgetSettings, Folders, Metric, ModelSettings, RunSettings, SearchSettings
from opro_local.errors import OproError
from opro_local.offline import close_network
from opro_local.problems.measurement import Measurement
from opro_local.proposers.library import headroom_instructions
from opro_local.records import Candidate, Example, Outcome
from opro_local.scoring.calibration import fit_auto, fit_batch, log_prior
from opro_local.scoring.marking import Marking
from opro_local.scoring.metrics import METRICS

Answered = Sequence[Sequence[Outcome]]
"""Outcomes of candidates on the same rows."""
MEASURED: tuple[Metric, ...] = ("accuracy", "macro_f1", "balanced_accuracy", "mcc")
BEST = 5
FEWEST = 4
"""Rows that a label has at least, of those that are drawn."""


def _auto(outcomes: Sequence[Outcome], kind: AnswerKind, weight: float) -> tuple[float, ...]:
    prior = log_prior([outcome.target for outcome in outcomes], kind)
    return fit_auto(outcomes, kind, prior, weight)


METHODS: Mapping[str, Callable[[Sequence[Outcome], AnswerKind, float], tuple[float, ...]]] = {
    "none": lambda _outcomes, _kind, _weight: (),
    "batch": lambda outcomes, _kind, _weight: fit_batch(outcomes),
    "auto": _auto,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Means over candidates and draws; best is of the candidates that are best in the mean over draws."""

    shares: str
    train_rows: int
    method: str
    metric: str
    value: float
    best: float
    most_common: float


def of_shares(targets: Sequence[str], shares: Sequence[float], draw: random.Random) -> list[int]:
    """Places of as many rows as can have labels in these shares, by name, shares taken in turn."""
    names = sorted(set(targets))
    places = {name: [i for i, target in enumerate(targets) if target == name] for name in names}
    wanted = {name: shares[i % len(shares)] for i, name in enumerate(names)}
    unit = min(len(places[name]) / wanted[name] for name in names)
    return [
        place
        for name in names
        for place in draw.sample(places[name], min(len(places[name]), max(FEWEST, int(unit * wanted[name]))))
    ]


def compared(
    answered: Answered, kind: AnswerKind, shares: Sequence[float], *, train_rows: Sequence[int], draws: int
) -> list[Row]:
    """shares are () for the table's own; so many train rows each, where as many are left."""
    targets = [outcome.target for outcome in answered[0]]
    found: dict[tuple[int, str, Metric], list[list[float]]] = {}
    common = []
    for seed in range(draws):
        places = of_shares(targets, shares, random.Random(seed)) if shares else list(range(len(targets)))
        most = min(max(train_rows), len(places) // 2)
        rest, test = _divided(places, most, targets, seed)
        tested = [targets[i] for i in test]
        common.append(max(tested.count(name) for name in set(tested)) / len(tested))
        for count in sorted({min(each, most) for each in train_rows}):
            train = _divided(rest, count, targets, seed)[0] if count < most else rest
            for outcomes in answered:
                seen, unseen = [outcomes[i] for i in train], [outcomes[i] for i in test]
                for key, value in _values(seen, unseen, kind).items():
                    found.setdefault((count, *key), [[] for _ in range(draws)])[seed].append(value)
    told = ":".join(f"{share:g}" for share in shares) or "the table's"
    return [
        Row(
            shares=told,
            train_rows=n,
            method=method,
            metric=metric,
            most_common=fmean(common),
            **_means(values),
        )
        for (n, method, metric), values in found.items()
    ]


def _divided(
    places: Sequence[int], count: int, targets: Sequence[str], seed: int
) -> tuple[list[int], list[int]]:
    """So many of them, the labels as common as in all, and the others."""
    chosen, others = train_test_split(
        places, train_size=count, stratify=[targets[i] for i in places], random_state=seed
    )
    return chosen, others


def _values(
    seen: Sequence[Outcome], unseen: Sequence[Outcome], kind: AnswerKind
) -> dict[tuple[str, Metric], float]:
    return {
        (method, metric): marking.value(
            marking.answers(unseen, fit(seen, kind, METRICS[metric].prior_weight))
        )
        for metric in MEASURED
        for marking in (Marking(kind=kind, metric=metric),)
        for method, fit in METHODS.items()
    }


def _means(values: list[list[float]]) -> dict[str, float]:
    """Of (draws, candidates), over all, and over the candidates that are best in the mean over draws."""
    of_each = np.sort(np.array(values).mean(axis=0))
    return {"value": float(of_each.mean()), "best": float(of_each[-BEST:].mean())}


def drawn(pool: Sequence[Example], count: int, draw: random.Random) -> tuple[Example, ...]:
    """So many rows, the labels in turn."""
    seen = Counter[str]()
    turns: list[tuple[int, int, Example]] = []
    for row in draw.sample(pool, len(pool)):
        turns.append((seen[row.target], len(turns), row))
        seen[row.target] += 1
    return tuple(row for *_, row in sorted(turns)[:count])


def candidates(measurement: Measurement, each: int) -> list[Candidate]:
    """So many without shots, with one a label, with 8 and with 16."""
    task, draw = measurement.task, random.Random(0)
    instructions = headroom_instructions(task, 0)
    return [
        Candidate(instruction=instructions[i], shots=drawn(measurement.split.pool, shots, draw))
        for shots in (0, len(task.kind.alternatives), 8, 16)
        for i in range(each)
    ]


def as_table(rows: Sequence[Row]) -> str:
    lines = [
        f"| shares | most common | train rows | method | {' | '.join(MEASURED)} |",
        "|---" * (4 + len(MEASURED)) + "|",
    ]
    for shares, count in dict.fromkeys((row.shares, row.train_rows) for row in rows):
        for method in METHODS:
            mine = [
                row for row in rows if (row.shares, row.train_rows, row.method) == (shares, count, method)
            ]
            told = " | ".join(f"{row.value:.3f} ({row.best:.3f})" for row in mine)
            lines.append(f"| {shares} | {mine[0].most_common:.2f} | {count} | {method} | {told} |")
    return "\n".join(lines)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", default="smollm2-135m", help="A stored model.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--data", "table", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--text", default="text", help="Column of the text.")
@click.option("--label", default="label", help="Column of the label.")
@click.option("--shares", multiple=True, help="Of the labels by name, such as 4,1; the table's come first.")
@click.option("--each", type=click.IntRange(2), default=6, help="Candidates of each number of shots.")
@click.option("--pool", type=click.IntRange(16), default=100, help="Rows that shots come from.")
@click.option("--rows", type=click.IntRange(20), default=300, help="Rows that are answered.")
@click.option("--train-rows", type=click.IntRange(4), multiple=True, default=(48,))
@click.option("--draws", type=click.IntRange(1), default=10)
def main(
    *,
    model: str,
    home: Path | None,
    table: Path,
    text: str,
    label: str,
    shares: tuple[str, ...],
    each: int,
    pool: int,
    rows: int,
    train_rows: tuple[int, ...],
    draws: int,
) -> None:
    close_network()  # before the model libraries are imported
    from bench.contest import Plan

    from opro_local import Host
    from opro_local.wiring.task_run import prepare

    settings = RunSettings(models=ModelSettings(scorer=model), search=SearchSettings(seed=0, headroom=0))
    try:
        plan = Plan(train=pool, validation=1, test=rows, budget=BudgetSettings(train_rows=2))
        measurement = prepare(
            plan.task(table, text, label), settings, Host(folders=Folders.of_user(home))
        ).measurement
        answered = measurement.scorer.score(candidates(measurement, each), measurement.split.test)
    except OproError as error:
        raise click.ClickException(str(error)) from None
    asked = [(), *([float(share) for share in given.split(",")] for given in shares)]
    found = [
        row
        for given in asked
        for row in compared(answered, measurement.task.kind, given, train_rows=train_rows, draws=draws)
    ]
    click.echo(as_table(found))
    click.echo(json.dumps({"model": model, "table": table.stem, "rows": [asdict(row) for row in found]}))


if __name__ == "__main__":
    main()
