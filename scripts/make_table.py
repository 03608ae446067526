#!/usr/bin/env python
"""Write a made table, one of scripts/tables: CSV, of orders JSON Lines, of help_desk a folder of files.

The same seed writes the same table. Each module says by which rule its rows are made.

    python scripts/make_table.py units sizes.csv --rows 240
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click
from tables import graded_stays, help_desk, orders, repair_notes, themed_emails, units

TABLES: Mapping[str, Callable[[Path, int, int], None]] = {
    "graded_stays": graded_stays.write,
    "help_desk": help_desk.write,
    "orders": orders.write,
    "repair_notes": repair_notes.write,
    "themed_emails": themed_emails.write,
    "units": units.write,
}


@click.command(help=__doc__, context_settings={"show_default": True})
@click.argument("table", type=click.Choice(list(TABLES)))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--rows", type=click.IntRange(1), default=240)
@click.option("--seed", type=click.IntRange(0), default=0)
def main(table: str, out: Path, *, rows: int, seed: int) -> None:
    TABLES[table](out, rows, seed)


if __name__ == "__main__":
    main()
