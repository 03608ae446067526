#!/usr/bin/env python
"""What a step costs: seconds against the tokens that it needs at least.

The numbers of instructions, examples and choices and the length of the questions are varied one at a time.
Where all that prompts share is computed once, the points of all four lie near one line through the origin;
over the tokens that would go through without sharing they scatter. Writes cost.md, cost.svg (over unique
tokens) and cost-naive.svg.

    python scripts/bench_cost.py --out scripts/figures
"""

from pathlib import Path

import click

from opro_local.catalogue import resolve
from opro_local.config import Folders
from opro_local.errors import OproError
from opro_local.offline import close_network

PLOTS = {
    "cost.svg": ("unique_tokens", "unique tokens of the step"),
    "cost-naive.svg": ("naive_tokens", "tokens without sharing"),
}


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", default="smollm2-135m", help="A stored model, or a folder.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--repeat", type=click.IntRange(1), default=3)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(model: str, *, home: Path | None, repeat: int, out: Path) -> None:
    close_network()  # before the model libraries are imported
    try:
        folder = resolve(model, Folders.of_user(home).models).path
        write_cost(folder, out, repeat=repeat)
    except OproError as error:
        raise click.ClickException(str(error)) from None


def write_cost(folder: Path, out: Path, *, repeat: int) -> None:
    """Measure the model of a folder and write table and plots. Raises ModelError."""
    from bench.costs import as_markdown, measure, series
    from bench.plot import svg
    from bench.rows import machine

    from opro_local.engine.loading import load_folder
    from opro_local.engine.local import LocalEngine

    loaded = load_folder(folder, quantize="auto", device="auto")
    engine = LocalEngine(loaded, digest="bench")
    vocabulary = loaded.model.config.get_text_config().vocab_size
    points = list(measure(engine, vocabulary=vocabulary, repeat=repeat))
    heading = f"{folder.name}, {engine.numerics}"
    place = ", ".join(f"{name} {value}" for name, value in machine().items() if value is not None)
    out.mkdir(parents=True, exist_ok=True)
    (out / "cost.md").write_text(f"{heading}; {place}\n\n{as_markdown(points)}", encoding="utf-8")
    for name, (tokens, label) in PLOTS.items():
        picture = svg(series(points, tokens), title=heading, x=label, y="seconds")
        (out / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
