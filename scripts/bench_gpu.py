#!/usr/bin/env python
"""All that is measured on a GPU in one command, in under six minutes: bench_gpu (without .py) sets it up.

A random model of Mistral-7B's shape is made. The parts then run one after the other, each in a process of its
own and for so many seconds at the most; each row is printed as JSON as soon as it is there, and the last one
of a part tells how it ended.

    bash scripts/bench_gpu --dry
"""

import json
import sys
import time
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from threading import Timer

import click

from opro_local.offline import close_network

LIMITS = {"make": 50, "bf16": 65, "nf4": 65, "generate": 80, "run": 90}
"""The parts in their order, and the most seconds of each: under six minutes in all."""


@click.command(help=__doc__)
@click.option("--dry", is_flag=True, help="The same code on the CPU with a tiny model.")
@click.option("--part", "parts", multiple=True, type=click.Choice(list(LIMITS)), help="Only these.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Keep the model here.")
@click.option("--in-process", "alone", type=click.Choice(list(LIMITS)), hidden=True)
def main(*, dry: bool, parts: tuple[str, ...], folder: Path | None, alone: str | None) -> None:
    if alone is not None:
        assert folder is not None
        measure(alone, folder, dry=dry)
        return
    with TemporaryDirectory() as scratch:
        all_parts(parts or tuple(LIMITS), folder or Path(scratch) / "random", dry=dry)


def measure(part: str, folder: Path, *, dry: bool) -> None:
    """Print the rows of a part as they come."""
    close_network()  # before the model libraries are imported
    from bench.gpu import DRY, PARTS, REAL

    for row in PARTS[part](folder, DRY if dry else REAL):
        click.echo(json.dumps({"part": part, **row}))
        sys.stdout.flush()


def all_parts(parts: tuple[str, ...], folder: Path, *, dry: bool) -> None:
    """One process after the other; one that fails or takes too long does not keep the others."""
    for part in parts:
        command = [sys.executable, __file__, "--in-process", part, "--folder", str(folder)]
        begun = time.monotonic()
        ended = watched([*command, *(["--dry"] if dry else [])], LIMITS[part])
        row = {"part": part, "what": "ended", "how": ended, "seconds": time.monotonic() - begun}
        click.echo(json.dumps(row))


def watched(command: list[str], seconds: float) -> str:
    """Pass on what a command prints, and end it when its time is up. -> how it ended"""
    with Popen(command, stdout=PIPE, text=True) as process:
        timer = Timer(seconds, process.kill)
        timer.start()
        assert process.stdout is not None
        for line in process.stdout:
            click.echo(line, nl=False)
            sys.stdout.flush()
        late = not timer.is_alive()
        timer.cancel()
        code = process.wait()
    return f"cut off after {seconds:g} s" if late else "done" if code == 0 else f"failed ({code})"


if __name__ == "__main__":
    main()
