#!/usr/bin/env python
"""How good the prompts are that are found, by each method of ours and by peers, from the same model and rows.

Every search is kept in the file of --cells as soon as it is finished, and found there again: a bench that is
cut off goes on. Prints a table and, as the last line, the same as JSON (see bench/summary.py).

    python scripts/bench_optimizer.py --data mails.csv --text email --label category --seed 0
"""

from pathlib import Path
from typing import get_args

import click

from opro_local.config import Arm, BudgetName, BudgetSettings, Folders, Method
from opro_local.errors import OproError
from opro_local.offline import close_network

PEERS = ("promptolution-opro", "promptolution-capo", "gepa")


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", "models", multiple=True, default=("smollm2-135m",), help="A stored model.")
@click.option("--optimizer", help="The stored model that plays the optimizer; the scorer if not given.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--data", "tables", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--text", default="text", help="Column of the text.")
@click.option("--label", default="label", help="Column of the label.")
@click.option("--method", "methods", multiple=True, type=click.Choice(get_args(Method)))
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(get_args(Arm)),
    help="A portfolio without this proposer, beside the methods.",
)
@click.option("--peer", "peers", multiple=True, type=click.Choice(PEERS))
@click.option(
    "--peer-python", type=click.Path(exists=True, path_type=Path), help="A Python with the peers' packages."
)
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), default=(0, 1, 2))
@click.option("--train", type=click.IntRange(8), default=150, help="Rows that a search may use.")
@click.option("--validation", type=click.IntRange(1), default=100)
@click.option("--test", type=click.IntRange(1), default=300)
@click.option("--budget", type=click.Choice(get_args(BudgetName)), default="light")
@click.option("--steps", type=click.IntRange(0), help="Instead of the budget's.")
@click.option("--train-rows", type=click.IntRange(2), help="Instead of the budget's.")
@click.option("--cells", type=click.Path(path_type=Path), default=Path("cells.jsonl"))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where the last line goes too.")
def main(
    *,
    models: tuple[str, ...],
    home: Path | None,
    tables: tuple[Path, ...],
    text: str,
    label: str,
    methods: tuple[Method, ...],
    without: tuple[Arm, ...],
    json_file: Path | None,
    cells: Path,
    **options: object,
) -> None:
    close_network()  # before the model libraries are imported
    from bench.cells import CellFile
    from bench.contest import Contest, Plan, Search
    from bench.summary import as_json, as_table, summary

    budget = BudgetSettings.model_validate(
        {
            "preset": options.pop("budget"),
            "steps": options.pop("steps"),
            "train_rows": options.pop("train_rows"),
        }
    )
    plan = Plan(budget=budget, **{part: options.pop(part) for part in ("train", "validation", "test")})  # type: ignore[arg-type]
    contest = Contest(
        plan=plan,
        folders=Folders.of_user(home),
        cells=CellFile(cells),
        searches=[
            *map(Search, methods or (("portfolio",) if without else get_args(Method))),
            *(Search("portfolio", (arm,)) for arm in without),
        ],
        **options,  # type: ignore[arg-type]
    )
    try:
        tasks = [plan.task(path, text, label) for path in tables]
        found = [cell for model in models for cell in contest.run(model, tasks)]
    except OproError as error:
        raise click.ClickException(str(error)) from None
    line = as_json(summary(found), found)
    if json_file:
        json_file.write_text(line + "\n", encoding="utf-8")
    click.echo(as_table(summary(found)))
    click.echo(line)


if __name__ == "__main__":
    main()
