#!/usr/bin/env python
"""Is a judge that cannot judge refused, and a good one taken? Made-up grades whose truth is known.

A person grades n replies from 1 to 5. A judge sees something between 1 and 5 and finds the grades near it
likelier, weakly, with a liking for 3 and 4 besides: as small models do. A coin sees anything whatever the
reply, a sure coin the ends of the scale only, a stubborn one always nearly the same, one that measures length
the reply's length, which has nothing to do with the grade. Good judges see the person's grade with noise;
kind ones half a grade more. As in a run, each is brought to the person's scale with the replies in question
held out, and taken where kappa is 0.4 and chance would seldom (p of at most 0.05) come as far. An interval
should hold the true kappa of the judge with that very scale, fitted on these n. simulate_judge.md holds one
run.

    python scripts/simulate_judge.py --out scripts/simulate_judge.md
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from opro_local.config import ScoringSettings
from opro_local.evidence.agreement import agreement
from opro_local.evidence.judge_record import ALPHA, Agreement
from opro_local.scoring.judge_scale import VALUES, Scale, fitted, held_out

LEAST: float = ScoringSettings.model_fields["judge_kappa"].default
ROWS = (10, 20, 40)
MANY = 4000
"""Rows by which the true kappa of a judge is known; for the table its scale is fitted on as many others."""
LIKING = np.array([0.0, 0.5, 2.0, 1.0, -0.5])
WIDTH = 3.0
"""Grades that far from what it sees are one nat and a half less likely to a judge."""

Grades = NDArray[np.float64]
Says = Callable[[Grades, np.random.Generator], Grades]


def _coin(person: Grades, draw: np.random.Generator) -> Grades:
    return draw.uniform(1, 5, len(person))


def _sure_coin(person: Grades, draw: np.random.Generator) -> Grades:
    return draw.choice([1.0, 5.0], len(person))


def _stubborn(person: Grades, draw: np.random.Generator) -> Grades:
    return 3.5 + draw.normal(0, 0.05, len(person))


def _length(person: Grades, draw: np.random.Generator) -> Grades:
    return np.clip(3 + 0.8 * np.log(draw.lognormal(0, 1, len(person))), 1, 5)


def _seeing(noise: float, kinder: float = 0.0) -> Says:
    def says(person: Grades, draw: np.random.Generator) -> Grades:
        return np.clip(person + kinder + draw.normal(0, noise, len(person)), 1, 5)

    return says


JUDGES: Mapping[str, Says] = {
    "coin": _coin,
    "sure coin": _sure_coin,
    "stubborn": _stubborn,
    "length": _length,
    "weak": _seeing(3.0),
    "fair": _seeing(1.5),
    "good": _seeing(0.9),
    "good and kind": _seeing(0.9, kinder=0.5),
    "very good": _seeing(0.5),
}


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(1), default=500, help="Judges a line.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table as Markdown.")
def main(*, runs: int, seed: int, out: Path | None) -> None:
    lines = []
    for line in _report(runs, np.random.default_rng(seed)):
        click.echo(line)
        lines.append(line)
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _report(runs: int, draw: np.random.Generator) -> Iterator[str]:
    yield "# Is a coin refused, and a good judge taken?\n"
    yield f"`python scripts/simulate_judge.py --runs {runs}`, {runs:,} judges a line."
    yield (
        f"A judge is taken where kappa is at least {LEAST} and p at most {ALPHA}; beside it stands how often "
        'kappa alone would take it, and a one-sided 99 % upper bound of "taken" (Clopper and Pearson).'
        "\n\n"
        "| judge | true kappa | n | taken | bound | by kappa alone | intervals that hold the truth |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, says in JUDGES.items():
        others = _person(MANY, draw)
        seen = _log_probs(says(others, draw))
        truth = _true_kappa(scaled(says, MANY, draw)[1], seen, others)
        for n in ROWS:
            judges = [scaled(says, n, draw) for _ in range(runs)]
            truths = [_true_kappa(scale, seen, others) for _, scale in judges]
            yield _line(name, truth, [found for found, _ in judges], truths)


def scaled(says: Says, n: int, draw: np.random.Generator) -> tuple[Agreement, Scale]:
    """One judge on n replies, whose grades are not all the same."""
    person = _person(n, draw)
    while person.std() == 0:
        person = _person(n, draw)
    log_probs, grades = _log_probs(says(person, draw)), person.tolist()
    return agreement(held_out(log_probs, grades).tolist(), grades), fitted(log_probs, grades)


def taken(found: Agreement) -> bool:
    return found.suffices(LEAST)


def _line(name: str, truth: float, found: list[Agreement], truths: list[float]) -> str:
    yes = sum(map(taken, found))
    bound = binomtest(yes, len(found), alternative="less").proportion_ci(0.99).high
    alone = np.mean([each.kappa >= LEAST for each in found])
    held = np.mean(
        [
            each.interval is not None and _holds(each.interval, own)
            for each, own in zip(found, truths, strict=True)
        ]
    )
    return (
        f"| {name} | {truth:.2f} | {found[0].n} | {yes / len(found):.1%} | {bound:.1%} | {alone:.1%} "
        f"| {held:.1%} |"
    )


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def _person(n: int, draw: np.random.Generator) -> Grades:
    return draw.choice(5, n, p=(0.15, 0.2, 0.25, 0.25, 0.15)).astype(np.float64) + 1


def _log_probs(seen: Grades) -> Grades:
    """(N) -> (N, G)"""
    return LIKING - ((VALUES - seen[:, np.newaxis]) / WIDTH) ** 2 * 1.5


def _true_kappa(scale: Scale, log_probs: Grades, person: Grades) -> float:
    said = scale.grades(log_probs)
    by_chance = said.var() + person.var() + (said.mean() - person.mean()) ** 2
    return float(1 - ((said - person) ** 2).mean() / by_chance)


if __name__ == "__main__":
    main()
