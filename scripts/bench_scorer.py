#!/usr/bin/env python
"""How fast the engine scores, beside its peers and beside what this machine could do at best.

All contestants get the same ids and the same scored positions; their repetitions are interleaved. Prints a
table, each row as soon as it is there, and, as the last line, the same as JSON (see bench/rows.py).

    python scripts/bench_scorer.py --workload single-token --peer transformers --repeat 3
"""

from pathlib import Path

import click
from bench.options import of_model, of_time

from opro_local.catalogue import resolve
from opro_local.config import Folders, Quantize
from opro_local.errors import OproError
from opro_local.offline import close_network

LEVELS = ("E0", "E2", "E3")

QUICK = {
    "workloads": ("few-shot", "single-token"),
    "steps": (1,),
    "repeat": 3,
    "seconds": 20.0,
    "profile": False,
    "reference_pairs": 0,
}


@click.command(help=__doc__, context_settings={"show_default": True})
@of_model
@click.option(
    "--workload", "workloads", multiple=True, help="A made-up one or a file's stem; all if left out."
)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Token-id files.")
@click.option("--step", "steps", multiple=True, type=click.IntRange(1, 2), default=(1, 2))
@click.option("--instructions", type=click.IntRange(2), default=8, help="Only the first so many.")
@click.option("--examples", type=click.IntRange(1), default=50, help="Only the first so many.")
@click.option("--level", "levels", multiple=True, type=click.Choice(LEVELS))
@click.option("--compiled", is_flag=True, help="Let the layers be compiled (E3).")
@click.option("--peer", "peers", multiple=True, type=click.Choice(["transformers", "lm-eval"]))
@click.option("--vllm-python", type=click.Path(exists=True, path_type=Path), help="A Python that has vllm.")
@of_time(QUICK)
@click.option("--profile/--no-profile", default=True, help="One more repetition a level, for gemm_eff.")
@click.option(
    "--reference-pairs", type=click.IntRange(0), default=16, help="Pairs a step scored in fp32, E0."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where the last line goes too.")
def main(
    *,
    model: str,
    home: Path | None,
    quantize: Quantize,
    json_file: Path | None,
    instructions: int,
    examples: int,
    levels: tuple[str, ...],
    **plan: object,
) -> None:
    close_network()  # before the model libraries are imported
    from bench.rows import Row, as_json, heading, table_line
    from bench.scoring import Plan, bench
    from bench.workloads import Size

    def show(row: Row) -> None:
        click.echo(table_line(row))

    size = Size(instructions=instructions, examples=examples)
    try:
        folder = resolve(model, Folders.of_user(home).models).path
        click.echo(heading())
        rows, subject = bench(folder, quantize, Plan(size=size, levels=levels or (None,), **plan), show)  # type: ignore[arg-type]
    except OproError as error:
        raise click.ClickException(str(error)) from None
    line = as_json(rows, subject)
    if json_file:
        json_file.write_text(line + "\n", encoding="utf-8")
    click.echo(line)


if __name__ == "__main__":
    main()
