"""The model's layers through torch.compile, for lines of tokens only (E3).

What a layer does between its matrix products (norms, rotations, activations, sums) becomes a few fused
loops; that pays where the products themselves are fast. Attention stays outside, and so do all other passes:
their caches would be compiled anew for every shape. Compiling takes half a minute on a slow machine the first
time, and a few seconds once torch has the result on disk.
"""

import torch
from transformers import AttentionInterface, PreTrainedModel

from opro_local.engine.attention import PACKED_ATTENTION, packed_attention


def compile_layers(model: PreTrainedModel) -> None:
    """Let each layer be compiled at its first run under the stance "default"; other runs are as before."""
    uncompiled = torch.compiler.disable(packed_attention)  # type: ignore[no-untyped-call]
    AttentionInterface.register(PACKED_ATTENTION, uncompiled)
    torch.compiler.set_stance("force_eager")
    for layer in _layers(model):
        layer.compile(dynamic=True)


def restore_layers(model: PreTrainedModel) -> None:
    """Undo compile_layers."""
    for layer in _layers(model):
        layer._compiled_call_impl = None


def _layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The blocks of the model, which its code lists one after another."""
    count = model.config.get_text_config().num_hidden_layers
    lists = [m for m in model.base_model.children() if isinstance(m, torch.nn.ModuleList) and len(m) == count]
    return [layer for modules in lists[:1] for layer in modules]
