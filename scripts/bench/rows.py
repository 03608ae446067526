"""Figures of a bench: a row a pair of ours and a peer, as JSON and as a table.

A row with a level is ours, and names the peer of the same run that its ratio is to, if any. A row without a
level is a peer's own.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version

import torch

from bench.measuring import Result
from bench.ours import Ours
from bench.workloads import Step
from opro_local.engine.counts import naive_tokens
from opro_local.engine.limits import ModelCost, Peaks, least_decoding_seconds

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """See engine/limits.py for efficiency; reuse and wastes are ratios to the least that is needed.

    A peer that was cut off has fewer pairs_per_s than its row says, and ours a larger ratio_to_peer.
    """

    workload: str
    model: str
    dtype: str
    level: str | None
    step: int
    pairs_per_s: float
    tokens_run: int | None = None
    unique_tokens: int | None = None
    head_rows: int | None = None
    efficiency: float | None = None
    token_reuse: float | None = None
    pad_waste: float | None = None
    head_waste: float | None = None
    gemm_eff: float | None = None
    peer: str | None
    ratio_to_peer: float | None = None
    max_logprob_diff: float | None
    peer_cut_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The model that all contestants run, and the machine's peaks for it."""

    model: str
    dtype: str
    cost: ModelCost
    peaks: Peaks


def our_rows(
    subject: Subject, step: Step, ours: Ours, results: Mapping[str, Result], *, product_rate: float | None
) -> list[Row]:
    """One row a peer that ran the step, one without a peer if none did."""
    result = results[ours.name]
    speed = step.pairs / result.seconds
    needed, work = ours.least(step, subject.cost), ours.work
    least = needed.prompts + needed.steps
    peers: list[str | None] = [name for name in results if not name.startswith("E")]
    return [
        Row(
            workload=step.workload,
            model=subject.model,
            dtype=subject.dtype,
            level=ours.name,
            step=step.number,
            pairs_per_s=speed,
            tokens_run=work.tokens_run,
            unique_tokens=least.unique_tokens,
            head_rows=work.head_rows,
            efficiency=least_decoding_seconds(subject.cost, needed, subject.peaks) / result.seconds,
            token_reuse=_naive(step, ours) / least.unique_tokens,
            pad_waste=work.tokens_padded / least.unique_tokens,
            head_waste=work.head_rows / least.head_rows,
            gemm_eff=product_rate and product_rate / subject.peaks.flops,
            peer=peer,
            ratio_to_peer=results[peer].seconds / result.seconds if peer else None,
            max_logprob_diff=result.difference,
            peer_cut_off=peer is not None and results[peer].cut_off,
        )
        for peer in peers or [None]
    ]


def peer_rows(subject: Subject, step: Step, results: Mapping[str, Result]) -> list[Row]:
    return [
        Row(
            workload=step.workload,
            model=subject.model,
            dtype=subject.dtype,
            level=None,
            step=step.number,
            pairs_per_s=step.pairs / result.seconds,
            peer=name,
            max_logprob_diff=result.difference,
            peer_cut_off=result.cut_off,
        )
        for name, result in results.items()
        if not name.startswith("E")
    ]


def as_json(rows: Iterable[Row], subject: Subject) -> str:
    """One line."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "machine": machine(),
            "peaks": {
                "flops_per_s": subject.peaks.flops,
                "bytes_per_s": subject.peaks.bandwidth,
                "dtype": subject.dtype,
            },
            "rows": [asdict(row) for row in rows],
        }
    )


def machine() -> dict[str, object]:
    """What a figure depends on besides the code; the load tells how quiet it was."""
    return {
        "cpu": torch.cpu.get_capabilities().get("cpu_name", "unknown"),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": os.getloadavg()[0],
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


COLUMNS = tuple(field.name for field in fields(Row) if field.name not in ("model", "dtype", "peer_cut_off"))
"""Of the table: without what all rows share."""


def heading() -> str:
    """The names of the columns."""
    return "  ".join(map(_placed, COLUMNS, COLUMNS))


def table_line(row: Row) -> str:
    """A row below them; what a cut off peer would have taken is less than, or more than."""
    cells = {name: _cell(getattr(row, name)) for name in COLUMNS}
    if row.peer_cut_off:
        bound = "ratio_to_peer" if row.level else "pairs_per_s"
        cells[bound] = ("> " if row.level else "< ") + cells[bound]
    return "  ".join(map(_placed, cells.values(), COLUMNS))


def _placed(cell: str, column: str) -> str:
    return cell.rjust(max(len(column), 14 if column == "workload" else 8))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _naive(step: Step, ours: Ours) -> int:
    """Tokens that go through without sharing; those of a reply go once in any case."""
    replies = sum(max(0, answer.tokens - 1) for answer in ours.answers)
    return naive_tokens(step.choices) + sum(len(request.prompt) for request in step.prompts) + replies
