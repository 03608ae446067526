#!/usr/bin/env python
"""Short answers and samples beside transformers' own generate: the same ids, limits and stop strings.

Prints a table and, as the last line, the same as JSON. The prompts are made up: instructions of unequal
length before or after many questions, with a few solved ones ahead of them.

    python scripts/bench_generation.py --model smollm2-135m --repeat 5
"""

import json
from pathlib import Path
from typing import get_args

import click

from opro_local.catalogue import resolve
from opro_local.config import Folders, Quantize
from opro_local.errors import OproError
from opro_local.offline import close_network

SCHEMA_VERSION = 1


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", default="smollm2-135m", help="A stored model, or a folder.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--quantize", type=click.Choice(get_args(Quantize)), default="auto")
@click.option("--instructions", type=click.IntRange(1), default=8)
@click.option("--questions", type=click.IntRange(1), default=50)
@click.option("--new-tokens", type=click.IntRange(1), default=8, help="The longest answer.")
@click.option("--repeat", type=click.IntRange(1), default=5)
def main(*, model: str, home: Path | None, quantize: Quantize, repeat: int, **sizes: int) -> None:
    close_network()  # before the model libraries are imported
    from bench.generating import Sizes, measure

    try:
        folder = resolve(model, Folders.of_user(home).models).path
        rows = measure(folder, quantize, Sizes(**sizes), repeat=repeat)
    except OproError as error:
        raise click.ClickException(str(error)) from None
    for row in rows:
        click.echo(
            f"{row['workload']:<22} {row['seconds']:8.2f} s  peer {row['peer_seconds']:8.2f} s"
            f"  ratio {row['ratio']:6.2f}  equal {row['equal']}"
        )
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "model": model, "rows": rows}))


if __name__ == "__main__":
    main()
