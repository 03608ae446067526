"""A small fp32 twin of a model, on which a wrong mask cannot hide behind rounding.

In 16 bit, and in fp32 where a model's states are large, rounding is as large as what a wrong mask may do to a
score. What decides masks, positions and caches is the model's code, so it is proved on a copy of the model in
fp32 with its own code and weights: the layers up to the last that differs from all before it. To be small, it
has few rows of the vocabulary, layers that are alike share their weights, and so do the experts of a layer.
Matrices that are quantised become random ones.
"""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from opro_local.engine.blocks import layer_list
from opro_local.engine.forward import Body

ROWS = 256
"""Rows of the vocabulary that a twin has at most."""

Signature = tuple[object, ...]


def fp32_twin(model: PreTrainedModel, body: Body) -> PreTrainedModel | None:
    """The twin, or None if the model cannot be copied (its layers are spread, or not in one list)."""
    layers = layer_list(model)
    if layers is None or any(weight.is_meta for weight in model.parameters()):
        return None
    memo: dict[int, Any] = dict(_few_rows(model))
    memo[id(layers)] = nn.ModuleList(_layer_twins(layers, body, memo))
    twin = copy.deepcopy(model, memo)
    for module in twin.modules():
        if isinstance(module, nn.Embedding):
            module.padding_idx = None  # it may be beyond the rows that are left
    if hasattr(twin.config, "_experts_implementation"):
        twin.config.get_text_config()._experts_implementation = "eager"  # the others copy shared experts
    return nn.Module.float(twin)  # transformers refuses its own of a quantised model


def _few_rows(model: PreTrainedModel) -> Iterator[tuple[int, nn.Parameter]]:
    """The first rows of every matrix with a row a token, by the id of the whole one."""
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()  # type: ignore[no-untyped-call]
    config = model.config.get_text_config()
    sizes = {inputs.num_embeddings, getattr(config, "vocab_size_per_layer_input", None)}
    tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and m.num_embeddings in sizes]
    for module in [inputs, head, *tables]:
        for weight in module.parameters(recurse=False):
            yield id(weight), _fixed(weight[:ROWS].float().clone())


def _layer_twins(layers: nn.ModuleList, body: Body, memo: dict[int, Any]) -> list[nn.Module]:
    """Twins of the layers up to the last that is the first of its kind."""
    kinds = [_signature(body, i, layer) for i, layer in enumerate(layers)]
    needed = 1 + max(kinds.index(kind) for kind in kinds)
    twins: dict[Signature, nn.Module] = {}
    result = []
    for kind, layer in zip(kinds[:needed], layers, strict=False):
        memo |= dict(_shared(layer, twins[kind]) if kind in twins else _dense(layer))
        result.append(copy.deepcopy(layer, memo))
        twins.setdefault(kind, result[-1])
    return result


def _signature(body: Body, index: int, layer: nn.Module) -> Signature:
    """What tells a layer from one that does the same with other weights."""
    attention = body.attention
    parts = tuple((name, type(module)) for name, module in layer.named_modules())
    shapes = tuple((name, weight.shape) for name, weight in layer.named_parameters())
    heads = attention.heads[index] if attention.heads else None
    keys = attention.kinds.keys
    return (attention.kinds.layers[index], keys[index] if keys else None, heads, parts, shapes)


def _shared(layer: nn.Module, twin: nn.Module) -> Iterator[tuple[int, nn.Module | nn.Parameter]]:
    """A layer's weights that become those of a twin that there is already."""
    own = dict(layer.named_modules())
    for name, module in twin.named_modules():
        if type(module) is not type(own[name]):
            yield id(own[name]), module
    known = dict(twin.named_parameters())
    for name, weight in layer.named_parameters():
        if name in known:
            yield id(weight), known[name]


def _dense(layer: nn.Module) -> Iterator[tuple[int, nn.Module | nn.Parameter]]:
    """A layer's weights in fp32."""
    draw = torch.Generator().manual_seed(0)
    for module in layer.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.Linear) and isinstance(weight, Tensor) and _is_packed(weight):
            yield id(module), _random_linear(module, weight.device, draw)
    for weight in layer.parameters():
        if not _is_packed(weight):
            few = weight[:1] if weight.dim() == 3 else weight
            yield id(weight), _fixed(few.float().clone().expand_as(weight))


def _is_packed(weight: Tensor) -> bool:
    return not weight.is_floating_point()


def _random_linear(module: nn.Linear, device: torch.device, draw: torch.Generator) -> nn.Linear:
    twin = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None, device=device)
    matrix = torch.randn(module.out_features, module.in_features, generator=draw)
    twin.weight.data = (matrix / module.in_features**0.5).to(device)
    if module.bias is not None:
        twin.bias.data = module.bias.detach().float().clone()
    return twin.requires_grad_(requires_grad=False)


def _fixed(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight, requires_grad=False)
