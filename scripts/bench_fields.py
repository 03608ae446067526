#!/usr/bin/env python
"""Replies held to the form of their fields beside the same prompts without: speed, and what can be parsed.

The prompts are orders of tables/orders.py under one instruction. Both ways take turns on blocks of them,
after a block to warm up; the prefix store is emptied before each. Prints both and their ratio, and, as the
last line, the same as JSON. A reply of the free way may be longer, so rows a second are told too.

    python scripts/bench_fields.py --model smollm2-135m --rows 500
"""

import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import click
from bench.options import of_model
from tables.orders import order

from opro_local.catalogue import resolve
from opro_local.config import FieldSettings, Folders, Quantize, ResolvedScoring, TaskSettings
from opro_local.errors import OproError
from opro_local.llm import GenerationReply, GenerationRequest
from opro_local.offline import close_network
from opro_local.records import Candidate
from opro_local.tasks.loading import load_task
from opro_local.tasks.task import Task

SCHEMA_VERSION = 1
FIELDS = (
    FieldSettings(name="product", answer="label"),
    FieldSettings(name="boxes", answer="number"),
    FieldSettings(name="customer", answer="text"),
    FieldSettings(name="express", answer="boolean"),
    FieldSettings(name="reference", answer="regex", pattern=r"[A-Z]-\d{4}", required=False),
)
WAYS = ("held", "free")


@click.command(help=__doc__, context_settings={"show_default": True})
@of_model
@click.option("--rows", type=click.IntRange(20), default=500)
@click.option("--block", type=click.IntRange(1), default=50, help="Prompts of one call.")
@click.option("--new-tokens", type=click.IntRange(1), default=256, help="The longest reply.")
@click.option("--instruction", default="Give product, boxes, customer, express and reference as JSON.")
def main(
    *,
    model: str,
    home: Path | None,
    quantize: Quantize,
    rows: int,
    block: int,
    new_tokens: int,
    instruction: str,
) -> None:
    close_network()  # before the model libraries are imported
    task = orders(rows)
    try:
        folder = resolve(model, Folders.of_user(home).models).path
        found = measure(folder, quantize, task, block=block, new_tokens=new_tokens, instruction=instruction)
    except OproError as error:
        raise click.ClickException(str(error)) from None
    for way in WAYS:
        click.echo(_line(way, found[way]))
    ratio = found["held"]["tokens_per_second"] / found["free"]["tokens_per_second"]
    click.echo(f"tokens a second, held to free: {ratio:.2f}")
    document = {"schema_version": SCHEMA_VERSION, "model": model, "rows": rows, "ratio": ratio, **found}
    click.echo(json.dumps(document))


def orders(rows: int) -> Task:
    """As many orders as asked for, by the seed 0."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps(order(draw)) for _ in range(rows)]
        Path(folder, "orders.jsonl").write_text("\n".join(lines), encoding="utf-8")
        settings = TaskSettings(
            data="orders.jsonl", text=("order",), label="entry", answer="fields", fields=FIELDS
        )
        return load_task(settings, folder=Path(folder), name="orders")


def measure(
    folder: Path, quantize: Quantize, task: Task, *, block: int, new_tokens: int, instruction: str
) -> dict[str, dict[str, Any]]:
    """Figures of both ways by name."""
    from opro_local.engine import load_engine
    from opro_local.scoring.modes import GenerationMode
    from opro_local.scoring.scorer import Scorer

    engine = load_engine(folder, digest="bench", quantize=quantize)
    settings = ResolvedScoring(mode="generation", calibration="none", answer_tokens=new_tokens)
    scorer = Scorer(engine, task, settings)
    mode: GenerationMode = scorer.mode  # type: ignore[assignment]
    prompts = [scorer.prompt(Candidate(instruction=instruction), row.text) for row in task.examples]
    asked = [mode.request(prompt, row) for prompt, row in zip(prompts, task.examples, strict=True)]
    held = [request for request in asked if request is not None]
    free = [replace(request, constraint=None) for request in held]
    replies: dict[str, list[GenerationReply]] = {way: [] for way in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    for requests in (held, free):
        engine.generate(requests[:block])
    for first in range(0, len(held), block):
        for way, requests in zip(WAYS, (held, free), strict=True):
            engine.forget()
            start = perf_counter()
            replies[way] += engine.generate(requests[first : first + block])
            seconds[way] += perf_counter() - start
        told = (f"{way} {sum(r.tokens for r in replies[way]) / seconds[way]:.1f}" for way in WAYS)
        click.echo(f"{len(replies['free'])} rows, tokens a second: {', '.join(told)}", err=True)
    return {way: _figures(task, held, replies[way], seconds[way], mode) for way in WAYS}


def _figures(
    task: Task,
    requests: Sequence[GenerationRequest],
    replies: Sequence[GenerationReply],
    seconds: float,
    mode: Any,
) -> dict[str, Any]:
    outcomes = [mode.outcome(*each) for each in zip(task.examples, requests, replies, strict=True)]
    tokens = sum(reply.tokens for reply in replies)
    return {
        "seconds": seconds,
        "tokens": tokens,
        "tokens_per_second": tokens / seconds,
        "rows_per_second": len(replies) / seconds,
        "unparsable": sum(outcome.prediction is None for outcome in outcomes),
        "of_the_form": sum(_is_of_the_form(task, reply.text) for reply in replies),
        "score": sum(outcome.score for outcome in outcomes) / len(outcomes),
    }


def _is_of_the_form(task: Task, text: str) -> bool:
    import regex

    return regex.fullmatch(task.kind.constraint or "", text.strip()) is not None


def _line(way: str, found: dict[str, Any]) -> str:
    return (
        f"{way:<6} {found['seconds']:8.1f} s  {found['tokens']:7} tokens  "
        f"{found['tokens_per_second']:7.1f} tokens/s  {found['rows_per_second']:6.2f} rows/s  "
        f"unparsable {found['unparsable']}  of the form {found['of_the_form']}  score {found['score']:.3f}"
    )


if __name__ == "__main__":
    main()
