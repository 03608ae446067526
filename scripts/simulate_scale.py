#!/usr/bin/env python
"""How far a search spreads over workers: blocks, stragglers and deaths, and where the coordinator ends it.

A discrete simulation of what workers/pool.py does. A search makes calls one after the other; a call is a race
of so many pairs, cut into blocks of 4,096 tokens. A block takes the measured time, with a spread; some take
five times as long; workers die and load their model again, and their block begins anew elsewhere. Before a
call the coordinator renders and tokenises its pairs, behind it it records them; no worker works meanwhile.

efficiency   seconds of blocks over workers x seconds of the whole; 1 is perfect
coordinator  share of the whole in which the coordinator is at work; near 1 it is the limit

simulate_scale.md holds one run.

    python scripts/simulate_scale.py --out scripts/simulate_scale.md
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from opro_local.workers.blocks import BLOCK_TOKENS

WORKERS = (1, 2, 4, 8, 16, 64, 256, 512)
CALLS = {"race of 8 x 40": 320, "race of 32 x 128": 4_096, "validation of 64 x 1,000": 64_000}
"""Pairs that a search asks for at once."""
LEAST_CALLS, LEAST_BLOCKS = 6, 2_000
"""Simulated of each line, whichever are more."""
STRAGGLERS, TIMES_AS_LONG = 0.01, 5.0
"""Blocks that meet a busy machine, and how many times as long they take."""
SPREAD = 0.1
"""Standard deviation of the logarithm of a block's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Measured: tokens to run of a pair, tokens a worker runs a second, the coordinator's pairs a second.

    reload is seconds to begin a worker anew; deaths come once in so many worker hours.
    """

    name: str
    tokens_a_pair: float
    tokens_a_second: float
    pairs_a_second: float
    reload: float = 30.0
    hours_a_death: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of a simulated stretch of searches, in seconds, and the pairs that were scored."""

    wall: float
    work: float
    coordinator: float
    pairs: int

    def efficiency(self, workers: int) -> float:
        return self.work / (workers * self.wall)


class Search:
    """Calls one after the other, over workers of which each does a block at a time."""

    def __init__(self, machine: Machine, *, workers: int, pairs: int, seed: int) -> None:
        self.machine, self.pairs = machine, pairs
        self.draw = np.random.default_rng(seed)
        self.free = [0.0] * workers
        self.now = self.coordinated = self.work = 0.0
        self.blocks = max(1, round(pairs * machine.tokens_a_pair / BLOCK_TOKENS))

    def run(self, calls: int) -> Found:
        for _ in range(calls):
            self._coordinate()
            self.now = max([self._block() for _ in range(self.blocks)])
            self._coordinate()
        return Found(wall=self.now, work=self.work, coordinator=self.coordinated, pairs=calls * self.pairs)

    def _coordinate(self) -> None:
        """Half of the coordinator's work is before a call, half behind it."""
        seconds = self.pairs / self.machine.pairs_a_second / 2
        self.coordinated += seconds
        self.now += seconds

    def _block(self) -> float:
        """When the next free worker, or after its death another one, has done a block."""
        seconds, asked = self._seconds(), self.now
        while True:
            begun = max(heapq.heappop(self.free), asked)
            until_death = self.draw.exponential(self.machine.hours_a_death * 3600)
            if until_death > seconds:
                self.work += seconds
                heapq.heappush(self.free, begun + seconds)
                return begun + seconds
            asked = begun + until_death
            heapq.heappush(self.free, asked + self.machine.reload)

    def _seconds(self) -> float:
        usual = self.pairs * self.machine.tokens_a_pair / self.machine.tokens_a_second / self.blocks
        slow = TIMES_AS_LONG if self.draw.random() < STRAGGLERS else 1.0
        return float(usual * slow * np.exp(SPREAD * self.draw.standard_normal()))


def found(machine: Machine, *, workers: int, pairs: int, seed: int) -> Found:
    """Enough calls for a mean."""
    search = Search(machine, workers=workers, pairs=pairs, seed=seed)
    return search.run(max(LEAST_CALLS, LEAST_BLOCKS // search.blocks))


def lines(machine: Machine, seed: int) -> Iterator[str]:
    """A table in Markdown."""
    yield f"\n## {machine.name}\n"
    yield (
        f"{machine.tokens_a_pair:g} tokens a pair; {machine.tokens_a_second:,.0f} tokens a second and "
        f"worker; {machine.pairs_a_second:,.0f} pairs a second of the coordinator; a death in "
        f"{machine.hours_a_death:g} worker hours, {machine.reload:g} s to begin anew.\n"
    )
    yield "| a call | workers | efficiency | coordinator | pairs a second | 10^6 pairs | 10^9 pairs |"
    yield "|---|---|---|---|---|---|---|"
    for name, pairs in CALLS.items():
        for workers in WORKERS:
            one = found(machine, workers=workers, pairs=pairs, seed=seed)
            rate = one.pairs / one.wall
            cells = (
                name,
                workers,
                f"{one.efficiency(workers):.2f}",
                f"{one.coordinator / one.wall:.2f}",
                f"{rate:,.0f}",
                _time(1e6 / rate),
                _time(1e9 / rate),
            )
            yield f"| {' | '.join(map(str, cells))} |"


def _time(seconds: float) -> str:
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {name}"
    return f"{seconds:.0f} s"


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--coordinator", type=float, default=2_400.0, help="Pairs a second, by bench_coordinator.py.")
@click.option("--seed", type=int, default=0)
@click.option("--out", type=click.Path(path_type=Path), help="Where the table goes too.")
def main(*, coordinator: float, seed: int, out: Path | None) -> None:
    gpu = Machine(  # few-shot on one H200: 410 pairs a second
        name="A GPU and a 7B model", tokens_a_pair=70, tokens_a_second=410 * 70, pairs_a_second=coordinator
    )
    core = Machine(
        name="A core with AMX and SmolLM2-135M",
        tokens_a_pair=70,
        tokens_a_second=2_500,
        pairs_a_second=coordinator,
        reload=6.0,
    )
    faster = replace(
        gpu, name=f"{gpu.name}, the coordinator ten times as fast", pairs_a_second=10 * coordinator
    )
    tables = [line for each in (gpu, faster, core) for line in lines(each, seed)]
    text = "\n".join(["# How far a search spreads", *tables])
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
