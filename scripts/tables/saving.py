"""How made tables are written."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
