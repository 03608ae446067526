"""The model's layers through torch.compile, for lines of tokens only (E3).

What a layer does between its matrix products (norms, rotations, activations, sums) becomes a few fused
loops; that pays where the products themselves are fast. Attention stays one operator, see attention.
All other passes stay as they are: their caches would be compiled anew for every shape. Compiling takes a
minute on a slow machine the first time, and ten seconds once torch has the result on disk.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import which

import torch
from transformers import PreTrainedModel

from opro_local.engine.blocks import layer_list
from opro_local.engine.profile import Quantize, choose_device, multiplies_bf16


def compiling_pays(quantize: Quantize, device: str) -> bool:
    """Whether a long run of a model held so can be compiled and is faster then; on GPUs not measured yet.

    Raises ModelError for a device that is not there.
    """
    compiler = which(os.environ.get("CXX") or "g++")  # as torch looks for it
    dense = quantize in ("auto", "bf16") and multiplies_bf16()
    return compiler is not None and dense and choose_device(device).type == "cpu"


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
