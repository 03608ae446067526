"""The model's layers through torch.compile, for lines of tokens only (E3).

What a layer does between its matrix products (norms, rotations, activations, sums) becomes a few fused
loops; that pays where the products themselves are fast. Attention stays outside, and so do all other passes:
their caches would be compiled anew for every shape. Compiling takes half a minute on a slow machine the first
time, and a few seconds once torch has the result on disk.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from opro_local.engine.blocks import layer_list


class CompiledLayers:
    """A model's layers and their compiled calls, which are made when they are first run."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._layers = list(layer_list(model) or ())
        self._calls: list[Callable[..., object]] = [
            torch.compile(layer._call_impl, dynamic=True) for layer in self._layers
        ]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The layers run compiled within the block, and as they are outside it."""
        for layer, call in zip(self._layers, self._calls, strict=True):
            layer._compiled_call_impl = call
        try:
            yield
        finally:
            for layer in self._layers:
                layer._compiled_call_impl = None
