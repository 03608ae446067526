"""Which matrices bitsandbytes packs, and what multiplies them.

It packs the matrices of linear layers, not the output layer and not experts that lie in one tensor of three
dimensions. In 4 bit they must have multiples of 64 inputs, else its code for CPUs reads wrong scales without
a word, and of 32 outputs, else its kernel for AVX512-BF16 fails; other matrices stay dense here. That kernel
multiplies in bf16 whatever it was told to compute in, and repacks the weights in place: nothing that was run
is ever to be stored.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.base import get_keys_to_not_convert

from opro_local.engine.profile import PACKED
from opro_local.errors import ModelError

INPUTS, OUTPUTS = 64, 32
"""A matrix in 4 bit has multiples of these."""

USES_KERNEL = "support_avx512bf16_for_cpu"
"""The attribute by which a 4-bit layer of bitsandbytes knows that the CPU has the kernel."""


def each_weight(skeleton: PreTrainedModel, how: str) -> Iterator[tuple[Tensor, bool]]:
    """Each weight once, and whether it is packed if the model is held so."""
    packed = {id(layer.weight) for _, layer in _linear(skeleton) if _fits(layer, how)}
    weights = {id(weight): weight for weight in skeleton.parameters()}  # tied weights are held once
    return ((weight, at in packed) for at, weight in weights.items())


def packed_share(skeleton: PreTrainedModel, how: str) -> float:
    """The share of the weights that is packed, between 0 and 1."""
    sizes = [(weight.numel(), packed) for weight, packed in each_weight(skeleton, how)]
    return sum(size for size, packed in sizes if packed) / sum(size for size, _ in sizes)


def packing_config(how: str, skeleton: PreTrainedModel, dtype: torch.dtype) -> BitsAndBytesConfig:
    """How transformers is to pack dense weights; 4 bit computes in dtype.

    int8 runs without outlier columns (threshold 0): they would make the rows of a batch depend on each other.
    """
    if how == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)  # type: ignore[no-untyped-call]
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type=how,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=_left_dense(skeleton, how),
    )


def check_packed(skeleton: PreTrainedModel, how: str, dense: list[str]) -> None:
    """Raise ModelError if 4-bit weights that are stored so would be misread; dense names parts that are not.

    A GPU reads them right.
    """
    for name, layer in _linear(skeleton):
        width = layer.weight.shape[1]
        stored = not any(name == part or name.startswith(f"{part}.") for part in dense)
        if how != "int8" and width % INPUTS and stored:
            raise ModelError(
                f"{name} has {width} inputs; in 4 bit a CPU reads only multiples of {INPUTS} right."
                " Use the dense model, or a GPU."
            )


def avoid_kernel(model: PreTrainedModel) -> None:
    """Let 4-bit matrices that the CPU's kernel does not take go the general way."""
    for layer in _with_kernel(model):
        if layer.in_features % INPUTS or layer.out_features % OUTPUTS:
            setattr(layer, USES_KERNEL, False)


def multiplied(model: PreTrainedModel) -> str:
    """What 4-bit matrices are multiplied in, where that is not what the model computes in; else ""."""
    if any(_with_kernel(model)):
        return "avx512_bf16"
    told = {getattr(module, "compute_dtype", None) for module in model.modules()}
    other = sorted(str(dtype) for dtype in told - {None, model.dtype})
    return other[0].removeprefix("torch.") if other else ""


def _linear(skeleton: PreTrainedModel) -> Iterator[tuple[str, nn.Linear | Conv1D]]:
    head = skeleton.get_output_embeddings()  # type: ignore[no-untyped-call]
    for name, module in skeleton.named_modules():
        if isinstance(module, nn.Linear | Conv1D) and module is not head:
            yield name, module


def _fits(layer: nn.Linear | Conv1D, how: str) -> bool:
    if how not in PACKED:
        return False
    rows, columns = layer.weight.shape  # of Conv1D the transposed matrix: it is packed as it lies
    return how == "int8" or not (columns % INPUTS or rows % OUTPUTS)


def _left_dense(skeleton: PreTrainedModel, how: str) -> list[str] | None:
    """What is not packed, with what transformers leaves out by itself; None where that is all."""
    unfit = [name for name, layer in _linear(skeleton) if not _fits(layer, how)]
    return [*get_keys_to_not_convert(skeleton), *unfit] if unfit else None


def _with_kernel(model: PreTrainedModel) -> Iterator[nn.Linear]:
    for module in model.modules():
        known = isinstance(module, nn.Linear) and getattr(module, USES_KERNEL, False)
        if isinstance(module, nn.Linear) and known and module.weight.device.type == "cpu":
            yield module
