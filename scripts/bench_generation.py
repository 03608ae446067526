#!/usr/bin/env python
"""Short answers and samples beside transformers' own generate: the same ids, limits and stop strings.

Prints a table, each row as soon as it is there, and, as the last line, the same as JSON. The prompts are made
up: instructions of unequal length before or after many questions, with a few solved ones ahead of them.

    python scripts/bench_generation.py --model smollm2-135m --repeat 5
"""

import json
from pathlib import Path

import click
from bench.options import of_model, of_time

from opro_local.catalogue import resolve
from opro_local.config import Folders, Quantize
from opro_local.errors import OproError
from opro_local.offline import close_network

SCHEMA_VERSION = 1

QUICK = {"questions": 16, "repeat": 3, "seconds": 20.0}


@click.command(help=__doc__, context_settings={"show_default": True})
@of_model
@click.option("--instructions", type=click.IntRange(1), default=8)
@click.option("--questions", type=click.IntRange(1), default=50)
@click.option("--new-tokens", type=click.IntRange(1), default=8, help="The longest answer.")
@of_time(QUICK)
def main(
    *,
    model: str,
    home: Path | None,
    quantize: Quantize,
    repeat: int,
    seconds: float | None,
    **sizes: int,
) -> None:
    close_network()  # before the model libraries are imported
    from bench.generating import Sizes, measure

    rows = []
    try:
        folder = resolve(model, Folders.of_user(home).models).path
        for row in measure(folder, quantize, Sizes(**sizes), repeat=repeat, seconds=seconds):
            click.echo(_line(row))
            rows.append(row)
    except OproError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "model": model, "rows": rows}))


def _line(row: dict[str, object]) -> str:
    more = "more than " if row["cut_off"] else ""
    return (
        f"{row['workload']:<22} {row['seconds']:8.2f} s  peer {more}{row['peer_seconds']:8.2f} s"
        f"  ratio {more}{row['ratio']:6.2f}  equal {row['equal'] or '-'}"
    )


if __name__ == "__main__":
    main()
