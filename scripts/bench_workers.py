#!/usr/bin/env python
"""How fast several workers score, beside one of them: a made-up few-shot call on Ray's actors.

Every worker has one thread. One worker and all of them take turns, each with its stores of prefixes as the
turn before left them, on prompts that it has not seen. Medians; the last line is the same as JSON.

    python scripts/bench_workers.py --model smollm2-135m --workers 2
"""

import json
import random
import statistics
import time
from functools import partial
from pathlib import Path

import click

from opro_local.catalogue import resolve
from opro_local.config import Folders, ModelSettings
from opro_local.llm import ChoiceRequest
from opro_local.offline import close_network
from opro_local.wiring.workers import open_models
from opro_local.workers.jobs import ModelAbout
from opro_local.workers.pool import Pool
from opro_local.workers.ray_crew import RayCrew, own_ray
from opro_local.workers.spread import SpreadEngine, Texts

INSTRUCTIONS, EXAMPLES = 8, 50
SHOT_TOKENS, ROW_TOKENS = 256, 60


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", default="smollm2-135m", help="A stored model, or a folder.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--quantize", default="auto", help="As for opro-local.")
@click.option("--workers", type=click.IntRange(2), default=2)
@click.option("--repeat", type=click.IntRange(1), default=5)
def main(*, model: str, home: Path | None, quantize: str, workers: int, repeat: int) -> None:
    close_network()
    folders = Folders.of_user(home)
    stored = resolve(model, folders.models)
    settings = ModelSettings.model_validate(
        {
            "scorer": model,
            "device": "cpu",
            "quantize": quantize,
            "repeatable": True,
            "threads": 1,
            "compiled": False,
        }
    )
    opener = partial(open_models, settings, folders.models, share=workers + 1)
    with own_ray(folders.runs / "ray", cores=workers + 1):
        from opro_local.engine import texts_of_folder

        engines = {}
        for size in (1, workers):
            pool = Pool(RayCrew(opener, size=size, gpus=0, cores=1))
            about: ModelAbout = pool.begin()[0].models[stored.digest]
            texts: Texts = texts_of_folder(stored.path, chat=about.chat)
            engines[size] = SpreadEngine(stored.digest, about, texts, pool)
        seconds: dict[int, list[float]] = {size: [] for size in engines}
        for number in range(repeat + 1):
            for size, engine in engines.items():
                took = one_call(engine, number)
                if number:  # the first turn warms up
                    seconds[size].append(took)
    medians = {size: statistics.median(each) for size, each in seconds.items()}
    pairs = INSTRUCTIONS * EXAMPLES
    for size, took in medians.items():
        click.echo(f"{size} workers: {took:.2f} s, {pairs / took:.1f} pairs a second")
    ratio = medians[1] / medians[workers]
    click.echo(json.dumps({"pairs": pairs, "seconds": medians, "ratio": ratio, "numerics": about.numerics}))


def one_call(engine: SpreadEngine, number: int) -> float:
    """Seconds to score rows behind instructions with shots, all of them new."""
    draw = random.Random(number)

    def some(tokens: int) -> tuple[int, ...]:
        return tuple(draw.randrange(1000, 40_000) for _ in range(tokens))

    head, rows = some(SHOT_TOKENS), [some(ROW_TOKENS) for _ in range(EXAMPLES)]
    requests = [
        ChoiceRequest(context=head + instruction + row, choices=((5,), (6,), (7,), (8,)))
        for instruction in (some(40) for _ in range(INSTRUCTIONS))
        for row in rows
    ]
    begun = time.perf_counter()
    engine.loglikelihood(requests)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
