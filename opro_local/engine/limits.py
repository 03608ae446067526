"""How fast a model could score on this machine: what it costs, what the machine can do, the least seconds.

The bound takes multiplications at the best rate of a large matrix product and bytes at the rate of a copy,
each alone. Norms, activations, rotary embeddings and the scan of recurrent layers count nothing, so the
least is never reached; an efficiency above 1 means that a count is wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import PretrainedConfig, PreTrainedModel

from opro_local.engine.counts import Counts
FULL, SLIDING = "full_attention", "sliding_attention"

PEAK_ROWS = 2048
"""Rows of the matrix product whose rate is the peak."""

COPY_BYTES = 2**28
"""A buffer far larger than any last-level cache."""

REPEATS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """What a token costs in a model.

    body_parameters are those of the matrices that a token goes through, of the experts only the chosen ones;
    head_parameters those of the output layer. full_width and sliding_width sum heads x head size over the
    layers that see everything or a window. weight_bytes is all that one pass reads, kv_bytes what one token
    leaves behind.
    """

    body_parameters: int
    head_parameters: int
    full_width: int
    sliding_width: int
    window: int | None
    weight_bytes: int
    kv_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """What the machine reaches: FLOP/s in a large matrix product, bytes/s read and written in a copy."""

    flops: float
    bandwidth: float


def read_cost(model: PreTrainedModel) -> ModelCost:
    """Read a loaded model's cost off its modules and its config; quantised matrices count whole."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0)
    width = getattr(config, "head_dim", None) or config.hidden_size // max(heads, 1)
    full, sliding = (_layer_kinds(config).count(kind) for kind in (FULL, SLIDING))
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return ModelCost(
        body_parameters=sum(rows * columns for rows, columns in matrices(model)),
        head_parameters=head.weight.numel(),
        full_width=full * heads * width,
        sliding_width=sliding * heads * width,
        window=getattr(config, "sliding_window", None) if sliding else None,
        weight_bytes=head.weight.nbytes + sum(_body_bytes(model)),
        kv_bytes=2 * (full + sliding) * kv_heads * width * model.dtype.itemsize,
    )


def least_flops(cost: ModelCost, counts: Counts) -> int:
    """Multiplications and additions in the body, the head and attention (with keys, with values)."""
    attention = cost.full_width * counts.context_tokens + cost.sliding_width * counts.window_tokens
    return (
        2 * cost.body_parameters * counts.unique_tokens
        + 2 * cost.head_parameters * counts.head_rows
        + 4 * attention
    )


def least_bytes(cost: ModelCost, counts: Counts) -> int:
    """Bytes that must move: the weights in every pass, keys and values written once and read once."""
    tokens = counts.unique_tokens + counts.cached_tokens
    return cost.weight_bytes * counts.passes + cost.kv_bytes * tokens


def least_seconds(cost: ModelCost, counts: Counts, peaks: Peaks) -> float:
    """The time under which no program can get on this machine."""
    return max(least_flops(cost, counts) / peaks.flops, least_bytes(cost, counts) / peaks.bandwidth)


def efficiency(cost: ModelCost, counts: Counts, peaks: Peaks, seconds: float) -> float:
    """The share of the limit that was reached, between 0 and 1."""
    return least_seconds(cost, counts, peaks) / seconds


def measure_peaks(model: PreTrainedModel, *, copy_bytes: int = COPY_BYTES) -> Peaks:
    """Measure in this process, with its threads, on the model's device and in its dtype.

    The peak is the best of the model's own matrices in either layout of the weights; a copy needs twice
    copy_bytes of memory.
    """
    with torch.inference_mode():
        rates = [
            2 * PEAK_ROWS * rows * columns / _linear_seconds(model, rows, columns)
            for rows, columns in dict.fromkeys(matrices(model))
        ]
        source = torch.ones(copy_bytes, dtype=torch.uint8, device=model.device)
        target = torch.empty_like(source)
        seconds = median_seconds(lambda: target.copy_(source), model.device)
    return Peaks(flops=max(rates), bandwidth=2 * copy_bytes / seconds)


def median_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of several runs behind one that warms up."""
    return median([_seconds(work, device) for _ in range(REPEATS + 1)][1:])


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    start = perf_counter()
    work()
    if device.type != "cpu":
        torch.accelerator.synchronize()
    return perf_counter() - start


def _linear_seconds(model: PreTrainedModel, rows: int, columns: int) -> float:
    """A product with a weight of rows x columns, the faster of both layouts."""
    inputs, weight = (torch.randn(n, columns, device=model.device).to(model.dtype) for n in (PEAK_ROWS, rows))
    layouts: tuple[Tensor, Tensor] = (weight, weight.T.contiguous().T)
    return min(
        median_seconds(lambda layout=layout: linear(inputs, layout), model.device)  # type: ignore[misc]
        for layout in layouts
    )


def matrices(model: PreTrainedModel) -> Iterator[tuple[int, int]]:
    """Rows and columns of every matrix of the body that a token goes through.

    Linear layers tell their size themselves, because 4-bit weights are packed. Experts lie in one tensor of
    three dimensions and a token goes through a few of them.
    """
    config = model.config.get_text_config()
    experts = getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None)
    for module in model.base_model.modules():
        if isinstance(module, torch.nn.Linear):
            yield module.out_features, module.in_features
        elif not isinstance(module, torch.nn.Embedding):
            for weight in module.parameters(recurse=False):
                if weight.dim() == 3:
                    many = config.num_experts_per_tok if len(weight) == experts else len(weight)
                    yield from [(weight.shape[1], weight.shape[2])] * many
                elif weight.dim() == 2:
                    yield weight.shape[0], weight.shape[1]


def _body_bytes(model: PreTrainedModel) -> Iterator[int]:
    for module in model.base_model.modules():
        if not isinstance(module, torch.nn.Embedding):
            yield from (weight.nbytes for weight in module.parameters(recurse=False))


def _layer_kinds(config: PretrainedConfig) -> tuple[str, ...]:
    """As named, or all alike; kinds that are no softmax attention stay what they are called."""
    alike = FULL if getattr(config, "sliding_window", None) is None else SLIDING
    return tuple(getattr(config, "layer_types", None) or [alike] * config.num_hidden_layers)
