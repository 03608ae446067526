#!/usr/bin/env python
"""Whether shots are better without one of their sentences, beside exchanging a whole shot.

To prune prompts is PromptQuine's idea (Wang et al. 2025). Of each of some drawn sets of shots: train chooses
the best of the sets that lack a sentence, then the best of those without another one, and so on; in the same
way the best of as many sets with one shot exchanged for another row of its label. What is chosen is measured
on test, beside the set that was drawn. Prints a line a set and, as the last line, JSON.

    python scripts/measure_pruning.py --data mails.csv --text email --label category --sets 6
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import click

from opro_local.config import BudgetSettings, Folders, ModelSettings, RunSettings, SearchSettings
from opro_local.errors import OproError
from opro_local.offline import close_network
from opro_local.problems.measurement import Measurement
from opro_local.records import Candidate, Example

SENTENCE_ENDS = re.compile(r"(?<=[.!?;:])\s+|\n+")

Changed = Callable[[Candidate], Sequence[Candidate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Accuracies on test of a set as drawn, pruned, and with shots exchanged; how many sentences are gone."""

    seed: int
    drawn: float
    pruned: float
    exchanged: float
    sentences: int
    removed: int


def without_a_sentence(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate without one sentence of one shot, for every one; the last of a shot stays."""
    for place, shot in enumerate(candidate.shots):
        sentences = SENTENCE_ENDS.split(shot.text)
        for left_out in range(len(sentences) if len(sentences) > 1 else 0):
            kept = " ".join(sentences[:left_out] + sentences[left_out + 1 :])
            yield _with_shot(candidate, place, replace(shot, text=kept))


def exchanged(
    candidate: Candidate, pool: Sequence[Example], draw: random.Random, count: int
) -> list[Candidate]:
    """So many candidates with one shot exchanged for another row of its label."""
    changed = []
    for _ in range(count):
        place = draw.randrange(len(candidate.shots))
        old = candidate.shots[place]
        rows = [row for row in pool if row.target == old.target and row not in candidate.shots]
        changed.append(_with_shot(candidate, place, draw.choice(rows or [old])))
    return changed


def _with_shot(candidate: Candidate, place: int, shot: Example) -> Candidate:
    return replace(candidate, shots=(*candidate.shots[:place], shot, *candidate.shots[place + 1 :]))


def drawn(pool: Sequence[Example], count: int, draw: random.Random) -> tuple[Example, ...]:
    """So many rows, the labels in turn."""
    seen = Counter[str]()
    turns: list[tuple[int, int, Example]] = []
    for row in draw.sample(pool, len(pool)):
        turns.append((seen[row.target], len(turns), row))
        seen[row.target] += 1
    return tuple(row for *_, row in sorted(turns)[:count])


def climb(measurement: Measurement, start: Candidate, changed: Changed, rounds: int) -> Candidate:
    """The best on train after so many rounds of changes, the earlier one where they are equal."""
    best = _fitted(measurement, [start])[0]
    for _ in range(rounds):
        proposed = _fitted(measurement, changed(best[1]))
        best = max([best, *proposed], key=lambda scored: scored[0])
    return best[1]


def _fitted(measurement: Measurement, candidates: Sequence[Candidate]) -> list[tuple[float, Candidate]]:
    """What each is worth on train, and it with its calibration."""
    fresh = [replace(candidate, calibration=()) for candidate in candidates]
    outcomes = measurement.scorer.score(fresh, measurement.split.train)
    fitted = [measurement.calibrated(c, found) for c, found in zip(fresh, outcomes, strict=True)]
    return [
        (measurement.marking.value(measurement.answers(candidate, found)), candidate)
        for candidate, found in zip(fitted, outcomes, strict=True)
    ]


def measured(
    measurement: Measurement, instruction: str, *, shots: int, most: int, rounds: int, seed: int
) -> Row:
    draw, pool = random.Random(seed), measurement.split.pool
    start = Candidate(instruction=instruction, shots=drawn(pool, shots, draw))

    def pruned(candidate: Candidate) -> Sequence[Candidate]:
        ways = list(without_a_sentence(candidate))
        return draw.sample(ways, min(most, len(ways)))

    def others(candidate: Candidate) -> Sequence[Candidate]:
        return exchanged(candidate, pool, draw, len(pruned(start)))

    found = [climb(measurement, start, changed, rounds) for changed in (lambda _: (), pruned, others)]
    outcomes = measurement.scorer.score(found, measurement.split.test)
    values = [
        measurement.marking.value(measurement.answers(candidate, each))
        for candidate, each in zip(found, outcomes, strict=True)
    ]
    left = [sum(len(SENTENCE_ENDS.split(shot.text)) for shot in c.shots) for c in found[:2]]
    return Row(
        seed=seed,
        drawn=values[0],
        pruned=values[1],
        exchanged=values[2],
        sentences=left[0],
        removed=left[0] - left[1],
    )


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Mean gains over the drawn sets, and their standard errors, in accuracy."""
    told = {}
    for name in ("pruned", "exchanged"):
        gains = [getattr(row, name) - row.drawn for row in rows]
        told[name] = fmean(gains)
        told[f"{name}_error"] = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return told


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", default="smollm2-135m", help="A stored model.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--data", "table", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--text", default="text", help="Column of the text.")
@click.option("--label", default="label", help="Column of the label.")
@click.option("--instruction", default="Classify the text.")
@click.option("--shots", type=click.IntRange(1), default=8)
@click.option("--sets", type=click.IntRange(1), default=6, help="Sets that are drawn.")
@click.option("--most", type=click.IntRange(1), default=16, help="Changed sets a round.")
@click.option("--rounds", type=click.IntRange(1), default=2)
@click.option("--train", type=click.IntRange(8), default=150, help="Rows for train and shots.")
@click.option("--test", type=click.IntRange(1), default=300)
@click.option("--train-rows", type=click.IntRange(2), default=48)
def main(
    *,
    model: str,
    home: Path | None,
    table: Path,
    text: str,
    label: str,
    instruction: str,
    sets: int,
    train: int,
    test: int,
    train_rows: int,
    **sizes: int,
) -> None:
    close_network()  # before the model libraries are imported
    from bench.contest import Plan

    from opro_local import Host
    from opro_local.wiring.task_run import prepare

    budget = BudgetSettings(train_rows=train_rows)
    settings = RunSettings(
        models=ModelSettings(scorer=model), search=SearchSettings(seed=0, headroom=0), budget=budget
    )
    try:
        task = Plan(train=train, validation=1, test=test, budget=budget).task(table, text, label)
        measurement = prepare(task, settings, Host(folders=Folders.of_user(home))).measurement
        rows = []
        for seed in range(sets):
            rows.append(measured(measurement, instruction, seed=seed, **sizes))
            click.echo(json.dumps(asdict(rows[-1])))
    except OproError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps({"model": model, "table": table.stem, **summary(rows)}))


if __name__ == "__main__":
    main()
