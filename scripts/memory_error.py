#!/usr/bin/env python
"""How far memory plans are from the truth: planned and measured peaks of models of different shapes.

Every model is planned for, loaded and made to score in a process of its own: lines and prompts as long as
the token budget, until the store of prefixes (here of 32 MiB) is full. Measured is the peak of the resident
memory (ru_maxrss), on a GPU torch's own count. Prints a table and, last, one JSON line. memory_error.md
holds a table of one machine.

    python scripts/memory_error.py
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from bench.memory import MADE_UP, Peak, make_model, measure_peak

from opro_local.catalogue import resolve
from opro_local.config import Folders, Quantize
from opro_local.errors import OproError
from opro_local.offline import close_network

STORED: tuple[tuple[str, Quantize], ...] = (
    ("smollm2-135m", "bf16"),
    ("smollm2-135m", "fp32"),
    ("smollm2-135m", "nf4"),
    ("gemma-3-270m", "fp32"),
)
"""Models of the user's folder, and how they are held."""


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--device", default="auto", help="cpu, cuda, ...")
def main(*, home: Path | None, device: str) -> None:
    close_network()  # before the model libraries are imported
    try:
        with TemporaryDirectory() as made:
            peaks = list(_shown(_measured(Folders.of_user(home).models, Path(made), device)))
    except OproError as error:
        raise click.ClickException(str(error)) from None
    rows = [{"model": p.name, "planned": p.planned, "measured": p.measured, "error": p.error} for p in peaks]
    click.echo(json.dumps({"schema_version": 1, "device": device, "rows": rows}))


def _measured(models: Path, made: Path, device: str) -> Iterator[Peak]:
    # A fresh process a call: what one model leaves behind would count for the next.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:
        for name, quantize in STORED:
            folder = resolve(name, models).path
            yield alone.submit(measure_peak, folder, quantize=quantize, device=device).result()
        for name, quantize in MADE_UP:
            folder = alone.submit(make_model, name, made / name).result()
            yield alone.submit(measure_peak, folder, quantize=quantize, device=device).result()


def _shown(peaks: Iterable[Peak]) -> Iterator[Peak]:
    """Each row is printed when it is known."""
    click.echo("| model | planned peak | measured peak | error |\n|---|---|---|---|")
    for peak in peaks:
        click.echo(f"| {peak.name} | {_mib(peak.planned)} | {_mib(peak.measured)} | {peak.error:+.1%} |")
        yield peak


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


if __name__ == "__main__":
    main()
