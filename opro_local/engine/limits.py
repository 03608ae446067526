"""How fast a model could score on this machine: what it costs, what the machine can do, the least seconds.

The bound takes multiplications at the best rate of a large matrix product and bytes at the rate of a copy,
each alone. Norms, activations, rotary embeddings and the scan of recurrent layers count nothing, so the
least is never reached; an efficiency above 1 means that a count is wrong.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import PretrainedConfig, PreTrainedModel

from opro_local.catalogue.sizes import EXPERTS
from opro_local.engine.blocks import body_of
from opro_local.engine.counts import Counts, Decoding
from opro_local.engine.masks import FULL, AttentionKinds, Reach

PEAK_ROWS = 2048
"""Rows of the matrix product whose rate is the peak."""

COPY_BYTES = 2**28
"""A buffer far larger than any last-level cache."""

REPEATS = 5

CALLS = 20
"""Of a kernel before an accelerator is waited for."""

CHOSEN_EXPERTS = ("num_experts_per_tok", "top_k_experts", "num_experts_per_token", "moe_topk", "moe_k")
"""Keys under which configurations tell through how many experts a token goes."""


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


def read_cost(model: PreTrainedModel, kinds: AttentionKinds | None = None) -> ModelCost:
    """Read a loaded model's cost off its modules and its config; quantised matrices count whole.

    kinds tells how far its layers see; left out, that too is read off the config.
    """
    config = model.config.get_text_config()
    layers = [_width(config, i) for i in range(config.num_hidden_layers)]
    reaches = kinds.layers if kinds else _named_reaches(config)
    width = {
        full: sum(
            layer.attention
            for layer, reach in zip(layers, reaches, strict=True)
            if reach is not None and (reach == FULL) is full
        )
        for full in (True, False)
    }
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return ModelCost(
        body_parameters=sum(rows * columns for rows, columns in matrices(model)),
        head_parameters=head.weight.numel(),
        full_width=width[True],
        sliding_width=width[False],
        window=max((reach.window or reach.chunk or 0 for reach in reaches if reach), default=0) or None,
        weight_bytes=head.weight.nbytes + sum(_body_bytes(model)),
        kv_bytes=model.dtype.itemsize
        * sum(layer.kept for layer, reach in zip(layers, reaches, strict=True) if reach is not None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Width:
    """Of a layer: heads x head size (the mean of keys and values), and numbers that a token leaves behind."""

    attention: int
    kept: int


def _width(config: PretrainedConfig, layer: int) -> _Width:
    """Read off the config of that layer; latent attention keeps whole keys and values for every head."""
    each = getattr(config, "per_layer_config", None)
    config = each[layer] if each is not None else config
    heads = getattr(config, "num_attention_heads", None) or 0
    size = getattr(config, "head_dim", None) or config.hidden_size // max(heads, 1)
    kept = getattr(config, "num_key_value_heads", None) or heads
    if latent := getattr(config, "qk_nope_head_dim", None):
        keys, values = latent + config.qk_rope_head_dim, config.v_head_dim
        return _Width(attention=heads * (keys + values) // 2, kept=heads * (keys + values))
    return _Width(attention=heads * size, kept=2 * kept * size)


def _named_reaches(config: PretrainedConfig) -> list[Reach | None]:
    """As the config names its layers, or all alike; None for those that are no softmax attention."""
    window, chunk = (getattr(config, key, None) or None for key in ("sliding_window", "attention_chunk_size"))
    known = {
        "full_attention": FULL,
        "sliding_attention": Reach(window=window),
        "chunked_attention": Reach(chunk=chunk),
    }
    named = getattr(config, "layer_types", None)
    return [known.get(kind) for kind in named] if named else [Reach(window=window)] * config.num_hidden_layers


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


def least_decoding_seconds(cost: ModelCost, decoding: Decoding, peaks: Peaks) -> float:
    """The same of replies: their prompts are read first, and then each step needs the one before it."""
    return least_seconds(cost, decoding.prompts, peaks) + least_seconds(cost, decoding.steps, peaks)


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
    """Of one call; on an accelerator many go in one wait, which would take longer than a short one does."""
    calls = 1 if device.type == "cpu" else CALLS
    start = perf_counter()
    for _ in range(calls):
        work()
    if calls > 1:
        torch.accelerator.synchronize()
    return (perf_counter() - start) / calls


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
    experts, chosen = _number(config, EXPERTS), _number(config, CHOSEN_EXPERTS)
    for module in body_of(model).modules():
        if isinstance(module, torch.nn.Linear):
            yield module.out_features, module.in_features
        elif not isinstance(module, torch.nn.Embedding):
            for weight in module.parameters(recurse=False):
                if weight.dim() == 3:
                    many = chosen if chosen and len(weight) == experts else len(weight)
                    yield from [(weight.shape[1], weight.shape[2])] * many
                elif weight.dim() == 2:
                    yield weight.shape[0], weight.shape[1]


def _number(config: PretrainedConfig, names: Sequence[str]) -> int | None:
    """The first of these keys that is a number."""
    return next((n for name in names if isinstance(n := getattr(config, name, None), int)), None)


def _body_bytes(model: PreTrainedModel) -> Iterator[int]:
    for module in body_of(model).modules():
        if not isinstance(module, torch.nn.Embedding):
            yield from (weight.nbytes for weight in module.parameters(recurse=False))
