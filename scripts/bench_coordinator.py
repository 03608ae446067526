#!/usr/bin/env python
"""How many pairs a second the coordinator of a run can serve, whatever its workers can do.

All that a run does with a pair but the model's own work is done, on models that answer at once: prompts are
rendered and tokenised (tokenize), requests cut into blocks (cut), sent and answered through pickle as to
another process (send), their keys hashed (key), replies looked up and kept (cache), outcomes recorded in a
run file (record). Medians of the repetitions; stored is key, cache and record together. The last line is the
same as JSON.

    python scripts/bench_coordinator.py --model smollm2-135m --pairs 4096
"""

import json
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from opro_local.catalogue import resolve
from opro_local.config import Folders
from opro_local.effort import NOTHING
from opro_local.llm import ChoiceReply, ChoiceRequest, Message
from opro_local.offline import close_network
from opro_local.records import Outcome, content_hash
from opro_local.store.header import TASK, ModelRecord, RunHeader
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import RunFile
from opro_local.store.steps import CandidateCodec
from opro_local.workers.blocks import cut_blocks
from opro_local.workers.jobs import Done, Job
from opro_local.workers.spread import Texts

T = TypeVar("T")

HEADER = RunHeader(
    run_id="bench",
    created="2026-01-01T00:00:00+00:00",
    kind=TASK,
    direction="maximize",
    settings_json="{}",
    problem_json="{}",
    summary={},
    models=(ModelRecord(role="scorer", name="bench", digest="bench", source="folder", numerics="none"),),
    versions={},
)
LABELS = ("world", "sports", "business", "science")


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", default="smollm2-135m", help="A stored one, or a folder; its tokenizer is read.")
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--pairs", type=click.IntRange(8), default=4096, help="Pairs of a call, of 8 instructions.")
@click.option("--repeat", type=click.IntRange(1), default=5)
def main(*, model: str, home: Path | None, pairs: int, repeat: int) -> None:
    close_network()
    from opro_local.engine import texts_of_folder

    texts = texts_of_folder(resolve(model, Folders.of_user(home).models).path, chat=True)
    seconds: dict[str, list[float]] = {}
    for number in range(repeat):
        for part, took in one_call(texts, pairs, number).items():
            seconds.setdefault(part, []).append(took)
    medians = {part: statistics.median(each) for part, each in seconds.items()}
    every = sum(medians.values())
    medians |= {"stored": sum(medians[part] for part in ("key", "cache", "record")), "all": every}
    click.echo(f"{'part':<10} {'us a pair':>10} {'pairs a second':>15}")
    for part, took in medians.items():
        click.echo(f"{part:<10} {1e6 * took / pairs:>10.1f} {pairs / took:>15,.0f}")
    click.echo(json.dumps({"pairs": pairs, "repeat": repeat, "seconds": medians}))


def one_call(texts: Texts, pairs: int, number: int) -> dict[str, float]:
    """Seconds of each part of a call."""
    took: dict[str, float] = {}
    requests = timed(took, "tokenize", lambda: asked(texts, pairs, number))
    blocks = timed(took, "cut", lambda: cut_blocks(requests))
    jobs = [
        Job(digest="model", requests=[requests[i] for i in b.places], tokens=b.tokens, prefix=b.prefix)
        for b in blocks
    ]
    reply = ChoiceReply(log_probs=(-1.234567,) * len(LABELS))
    answers = [
        Done(replies=[reply] * len(job.requests), tokens_run=1, seconds=1.0, effort=NOTHING) for job in jobs
    ]
    timed(took, "send", lambda: [pickle.loads(pickle.dumps(each)) for each in (*jobs, *answers)])
    keys = timed(
        took, "key", lambda: [content_hash("reply", ["m", "n", r.context, r.choices]) for r in requests]
    )
    fresh = dict.fromkeys(keys, reply)
    with tempfile.TemporaryDirectory() as folder:
        cache = ReplyCacheFile(Path(folder) / "cache.sqlite", "run")
        timed(took, "cache", lambda: cache.find(keys))
        timed(took, "cache", lambda: cache.keep(fresh))
        with RunFile.create(Path(folder) / "run.sqlite", HEADER, CandidateCodec()) as store:
            scored = outcomes(pairs)
            timed(took, "record", lambda: store.record_block("train", scored))
    return took


def outcomes(pairs: int) -> dict[str, list[Outcome]]:
    """Of each of the eight instructions, its rows."""
    return {
        f"candidate {number}": [
            Outcome(
                example_id=f"{row:016x}",
                target=LABELS[0],
                prediction=LABELS[1],
                score=0.0,
                choice_log_probs=(-1.234567,) * len(LABELS),
                gold_log_likelihood=-1.234567,
                prompt_tokens=70,
            )
            for row in range(pairs // 8)
        ]
        for number in range(8)
    }


def asked(texts: Texts, pairs: int, number: int) -> list[ChoiceRequest]:
    """The rows of a call behind each of its instructions, as a chat model is asked."""
    rows = [
        f"Headline {number}.{row}: the committee met again and said very little of it."
        for row in range(pairs // 8)
    ]
    return [
        request(texts, f"Instruction {number}.{i}: which of the four sections does this belong to?", row)
        for i in range(8)
        for row in rows
    ]


def request(texts: Texts, instruction: str, row: str) -> ChoiceRequest:
    opened, *answers = texts.encode_each([Message("user", f"{instruction}\n\n{row}")], ["", *LABELS])
    return ChoiceRequest(context=opened, choices=tuple(ids[len(opened) :] for ids in answers))


def timed(took: dict[str, float], part: str, work: Callable[[], T]) -> T:
    begun = time.perf_counter()
    result = work()
    took[part] = took.get(part, 0.0) + time.perf_counter() - begun
    return result


if __name__ == "__main__":
    main()
