"""What bench_gpu measures: parts that each run in a process of their own and give rows as they go."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.generating import Peer, Turns, drawn
from bench.measuring import race
from bench.ours import Ours
from bench.random_model import MISTRAL_7B, TINY, Shape, save_random_model
from bench.rows import machine, our_rows
from bench.scoring import subject_of
from bench.workloads import MADE_UP, Size, made_up_steps
from opro_local.config import Quantize
from opro_local.engine.allocator import keep_freed_buffers
from opro_local.engine.loading import Loaded, load_folder
from opro_local.engine.local import LocalEngine
from opro_local.engine.work import Work
from opro_local.llm import TokenIds

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Of what is measured; rows are samples of one prompt."""

    shape: Shape
    device: str
    step: Size
    prompt: int
    rows: tuple[int, ...]
    new_tokens: int
    repeat: int
    run: str


REAL = Sizes(
    shape=MISTRAL_7B,
    device="cuda",
    step=Size(instructions=8, examples=50),
    prompt=1500,
    rows=(1, 8, 32),
    new_tokens=32,
    repeat=3,
    run="--method opro --steps 3 --train-rows 50 --finalists 3 --proposals-per-step 8 --proposal-tokens 50",
)
DRY = Sizes(
    shape=TINY,
    device="cpu",
    step=Size(instructions=2, examples=4),
    prompt=100,
    rows=(1, 4),
    new_tokens=8,
    repeat=1,
    run="--method opro --steps 1 --train-rows 8 --finalists 1 --proposals-per-step 2 --proposal-tokens 8",
)


def make(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """The model's folder; the others need it."""
    start = perf_counter()
    parameters = save_random_model(folder, sizes.shape, device=sizes.device)
    yield {"what": "model made", "parameters": parameters, "seconds": perf_counter() - start}


def bf16(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """The engine with whole weights: peaks, scoring, decoding."""
    yield from _engine(folder, sizes, "bf16")


def nf4(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """The same in 4 bit."""
    yield from _engine(folder, sizes, "nf4")


def generate(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """transformers' own decoding; with a static cache it compiles first, which takes most of its time."""
    loaded = _loaded(folder, sizes, "bf16")
    peer = Peer(model=loaded.model, tokenizer=loaded.tokenizer)
    for cache in ("dynamic", "static"):
        for rows in sizes.rows[:2][::-1]:
            started = perf_counter()
            (turn,) = Turns(repeat=sizes.repeat, seconds=None).about(
                lambda deadline, rows=rows, cache=cache: peer.samples(  # type: ignore[misc]
                    _prompt(sizes), rows, sizes.new_tokens, deadline, cache=cache
                )
            )
            yield {
                "what": "generate",
                "cache": cache,
                **_decoded(sizes, rows, turn.seconds),
                "with_warm_up_seconds": perf_counter() - started,
            }


def run(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """A whole search on the table that is shipped, and where its time went."""
    command = [sys.executable, "-m", "opro_local", "--home", str(folder.parent / "home"), "run", "--json"]
    options = ("--no-progress", "--headroom", "0", "--device", sizes.device, *sizes.run.split())
    start = perf_counter()
    done = subprocess.run(
        [*command, "--model", str(folder), *options], stdout=subprocess.PIPE, text=True, check=True
    )
    yield {
        "what": "run",
        "options": sizes.run,
        "seconds_in_all": perf_counter() - start,  # with imports, loading and probing
        **json.loads(done.stdout)["timing"],
    }


PARTS: dict[str, Callable[[Path, Sizes], Iterator[Row]]] = {
    "make": make,
    "bf16": bf16,
    "nf4": nf4,
    "generate": generate,
    "run": run,
}


def _engine(folder: Path, sizes: Sizes, quantize: Quantize) -> Iterator[Row]:
    start = perf_counter()
    loaded = _loaded(folder, sizes, quantize)
    read = perf_counter()
    engine = LocalEngine(loaded, digest="bench")
    ready = perf_counter()
    yield {
        "what": "loaded",
        "numerics": engine.numerics,
        "read_seconds": read - start,
        "ready_seconds": ready - read,
    }
    subject = subject_of(folder, loaded)
    yield {"what": "peaks", "weights": quantize, **asdict(subject.peaks), **machine()}
    for workload in ("few-shot", "single-token"):
        vocabulary = sizes.shape.vocabulary
        step, _ = made_up_steps(workload, MADE_UP[workload], sizes.step, vocabulary=vocabulary)
        ours = Ours(engine=engine, work=Work())
        results = race([ours], step, repeat=sizes.repeat, reference={})
        (row,) = our_rows(subject, step, ours, results, product_rate=None)
        yield {"what": "scoring", "weights": quantize, "seconds": results[ours.name].seconds, **asdict(row)}
    for rows in sizes.rows:
        yield {"what": "decoding", "weights": quantize, **_sampled(engine, sizes, rows)}


def _sampled(engine: LocalEngine, sizes: Sizes, rows: int) -> Row:
    """Efficiency is of all turns, the first one, which warms up, left out."""
    prompt = _prompt(sizes)
    drawn(engine, prompt, rows, sizes.new_tokens)
    before = engine.effort()
    (turn,) = Turns(repeat=sizes.repeat, seconds=None).about(
        lambda _: drawn(engine, prompt, rows, sizes.new_tokens)
    )
    return {
        **_decoded(sizes, rows, turn.seconds),
        "efficiency": engine.effort().since(before).decoding_efficiency,
        "tokens": sum(map(len, turn.found)),
    }


def _decoded(sizes: Sizes, rows: int, seconds: float) -> Row:
    """A step's milliseconds hold its share of the prompt."""
    return {
        "rows": rows,
        "prompt": sizes.prompt,
        "new_tokens": sizes.new_tokens,
        "seconds": seconds,
        "ms_a_step": 1000 * seconds / sizes.new_tokens,
    }


def _loaded(folder: Path, sizes: Sizes, quantize: Quantize) -> Loaded:
    keep_freed_buffers()
    return load_folder(folder, quantize=quantize, device=sizes.device)


def _prompt(sizes: Sizes) -> TokenIds:
    """Any ids do: no text is read."""
    return tuple(300 + 7 * i % 1000 for i in range(sizes.prompt))
