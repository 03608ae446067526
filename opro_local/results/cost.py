"""What a run took, in words."""

from collections.abc import Sequence

from opro_local.effort import EngineStats, WorkerStats
from opro_local.results.overview import Decoding, Effort, Overview
from opro_local.wording import listed

FEW_WORKERS = 8
"""So many are shown one by one while a run goes on."""


def cost_lines(run: Overview) -> list[str]:
    usage, timing = run.usage, run.timing
    pairs = f"{usage.pairs:,} scored pairs of prompt and row, " if usage.pairs else ""
    return [
        f"{pairs}{usage.tokens:,} tokens, {timing.seconds:.0f} s",
        f"time: {', '.join(f'{part} {seconds:.1f} s' for part, seconds in timing.parts.items())}",
        *[_effort_line(effort) for effort in timing.scorer if effort.efficiency is not None],
        *[_decoding_line(decoding) for decoding in timing.decoding],
        *map(_workers_line, timing.workers),
    ]


def _workers_line(workers: Sequence[WorkerStats]) -> str:
    """What workers did in one process, and how they could be reached."""
    return (
        f"{_staff(workers)}. Rows went to them through sockets of Ray, which the guard of this process's "
        "network does not see"
    )


def staff_lines(effort: EngineStats) -> list[str]:
    """The workers together, and one by one as far as they are few; none where there are none."""
    workers = effort.workers
    each = [f"worker {n}: {worker_text(worker, workers)}" for n, worker in enumerate(workers, 1)]
    return [_staff(workers), *(each if len(each) <= FEW_WORKERS else ())] if workers else []


def _staff(workers: Sequence[WorkerStats]) -> str:
    places = list(dict.fromkeys(worker.place for worker in workers))
    seconds, present = (sum(getattr(worker, name) for worker in workers) for name in ("seconds", "present"))
    busy = f" ({seconds / present:.0%} of their time)" if present else ""
    return (
        f"{len(workers)} workers on {listed(places, most=4)}: "
        f"{sum(worker.requests for worker in workers):,} requests in {seconds:.1f} s of work{busy}, "
        f"{_deaths(sum(worker.deaths for worker in workers))}"
    )


def worker_text(worker: WorkerStats, workers: Sequence[WorkerStats]) -> str:
    """What one of the workers did, and its share of what all did."""
    share = worker.requests / max(1, sum(each.requests for each in workers))
    rate = f", {worker.requests / worker.seconds:.1f} a second" if worker.seconds else ""
    return (
        f"{worker.requests:,} requests ({share:.0%}){rate}, {worker.seconds:.1f} s of work, "
        f"{_deaths(worker.deaths)}"
    )


def _deaths(count: int) -> str:
    return "1 death" if count == 1 else f"{count} deaths"


def _decoding_line(decoding: Decoding) -> str:
    """How near writing came to what this machine could do at best."""
    return (
        f"decoding: {decoding.efficiency:.0%} of this machine's peak throughput; {decoding.tokens:,} tokens "
        f"written in {decoding.seconds:.1f} s, prompts read included"
    )


def _effort_line(effort: Effort) -> str:
    """How near the scorer came to what this machine could do at best."""
    kept = effort.stored_prefix_tokens / max(1, effort.prefix_tokens)
    return (
        f"scorer (level {effort.level}): {effort.efficiency:.0%} of this machine's peak throughput; "
        f"{effort.tokens_run:,} tokens computed, {effort.least_tokens:,} of them necessary; "
        f"{kept:.0%} of shared prefix tokens from the prefix cache"
    )
