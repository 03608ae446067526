"""Each weight of the model from the tensors of the file: none is left to chance, no tensor is left over."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from transformers import PreTrainedModel

from opro_local.catalogue.gguf_header import GgufTensor
from opro_local.engine.gguf.model import ROPE_TENSORS, Conversion, GgufModel
from opro_local.engine.gguf.tensors import check_apart, check_inside, read, stored_dtype
from opro_local.engine.gguf.writing import Slot
from opro_local.errors import ModelError

_ROTATED = re.compile(r"\.([qk])_proj\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A weight of the model and the tensors that make it, stacked along the last dimension but one."""

    slot: Slot
    sources: tuple[GgufTensor, ...]
    rotated_heads: int | None = None
    shifted: bool = False

    def numbers(self) -> torch.Tensor:
        """The weight as transformers has it. Raises ModelError where a number is none."""
        parts = [read(source, self.slot.dtype) for source in self.sources]
        weight = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)
        if self.shifted:
            weight = weight - 1
        if self.rotated_heads is not None:
            weight = _halves_apart(weight, self.rotated_heads)
        return weight.view(self.slot.shape)


def plan_weights(model: GgufModel, conversion: Conversion, skeleton: PreTrainedModel) -> list[Weight]:
    """One entry a weight of the skeleton. Raises ModelError where one is missing or of another shape, where
    a tensor is left over, or where a type cannot be read."""
    wanted = skeleton.state_dict()
    if conversion.config["tie_word_embeddings"]:
        wanted.pop("lm_head.weight")
    weights = [_planned(model, conversion, name, tuple(shape.shape)) for name, shape in wanted.items()]
    _check_all_used(model, weights)
    check_apart(model.header.tensors)
    return weights


def all_numbers(weights: Sequence[Weight]) -> Iterator[torch.Tensor]:
    """The weights, one at a time."""
    return (weight.numbers() for weight in weights)


def main_dtype(weights: Sequence[Weight]) -> torch.dtype:
    """The type that most numbers have."""
    counts: dict[torch.dtype, int] = {}
    for weight in weights:
        counts[weight.slot.dtype] = counts.get(weight.slot.dtype, 0) + weight.slot.nbytes
    return max(counts, key=counts.__getitem__)


def _planned(model: GgufModel, conversion: Conversion, name: str, shape: tuple[int, ...]) -> Weight:
    sources = tuple(model.tensor(source) for source in _sources(conversion.names, name))
    dtype = _dtype(sources)
    for source in sources:
        check_inside(source)
    found = _stacked_shape([source.shape for source in sources])
    if _wide(found) != _wide(shape):
        raise ModelError(f"{sources[0].name} makes {name} of shape {found}, the model has {shape}.")
    return Weight(
        slot=Slot(name=name, shape=shape, dtype=dtype),
        sources=sources,
        rotated_heads=_rotated_heads(conversion, name),
        shifted=conversion.shifted_norms and name.endswith("norm.weight"),
    )


def _sources(names: Mapping[str, str | tuple[str, str]], name: str) -> list[str]:
    """The names of the tensors for a weight; experts have no .weight of their own in transformers."""
    layer = re.search(r"\.(\d+)\.", name)
    pattern = re.sub(r"\.\d+\.", ".{}.", name, count=1)
    module, kind = (pattern, "weight") if pattern in names else tuple(pattern.rsplit(".", 1))
    if module not in names:
        raise ModelError(f"The model has a weight {name} that no tensor of the file is known to hold.")
    found = names[module]
    return [
        f"{source.format(layer[1] if layer else '')}.{kind}"
        for source in ([found] if isinstance(found, str) else found)
    ]


def _stacked_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    if len(shapes) == 1:
        return shapes[0]
    first = shapes[0]
    return (*first[:-2], sum(shape[-2] for shape in shapes), first[-1])


def _wide(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without dimensions of one: llama.cpp leaves out those in the middle."""
    return tuple(size for size in shape if size != 1)


def _dtype(sources: Sequence[GgufTensor]) -> torch.dtype:
    """The narrowest type that holds the numbers of all sources."""
    return reduce(torch.promote_types, (stored_dtype(source) for source in sources))


def _rotated_heads(conversion: Conversion, name: str) -> int | None:
    found = _ROTATED.search(name)
    if not conversion.interleaved or found is None:
        return None
    heads = "num_attention_heads" if found[1] == "q" else "num_key_value_heads"
    return int(conversion.config[heads])


def _halves_apart(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of a head in transformers' order: llama.cpp has the pairs that turn together side by side."""
    rows = weight.view(heads, -1, 2, *weight.shape[1:])
    return rows.transpose(1, 2).reshape(weight.shape)


def _check_all_used(model: GgufModel, weights: Sequence[Weight]) -> None:
    used = {source.name for weight in weights for source in weight.sources}
    left = sorted(set(model.tensors) - used - set(ROPE_TENSORS) - {"output.weight"})
    if left:
        raise ModelError(
            f"{left[0]} has no place in this model ({len(left)} such tensors): the file is of a variant that"
            " is not understood. Use the model's safetensors folder instead."
        )
