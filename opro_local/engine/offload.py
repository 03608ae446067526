"""Where the parts of a model that is too large for its device lie: accelerate's map, its ends kept at hand.

Layers fill the device, then other GPUs, then the machine's memory; the rest is read from disk in each
forward. Embeddings and output layer stay on the device: the engine uses their matrices outside of a forward.
"""

from collections.abc import Mapping

import torch
from accelerate import infer_auto_device_map
from torch import nn

from opro_local.engine.free_memory import free_bytes
from opro_local.engine.loading import Place
from opro_local.engine.memory import MARGIN, MemoryPlan
from opro_local.engine.profile import ModelProfile


def spread_layers(profile: ModelProfile, plan: MemoryPlan) -> dict[str, Place]:
    """The place of every part of the model, by the name of its module."""
    skeleton = profile.skeleton
    main = _key(profile.device)
    ends = _names(skeleton, skeleton.get_input_embeddings(), skeleton.get_output_embeddings())  # type: ignore[no-untyped-call]
    room = plan.weights - _untied_head_bytes(profile)
    places: Mapping[str, Place] = infer_auto_device_map(
        skeleton,
        max_memory={main: room} | _elsewhere(profile.device),
        no_split_module_classes=skeleton._no_split_modules,
        dtype=profile.dtype,
        clean_result=False,
    )
    return {**places, **dict.fromkeys(ends, main)}


def _elsewhere(device: torch.device) -> dict[int | str, int]:
    """What other GPUs and the machine's memory have free, beside a GPU; other devices have only the disk."""
    if device.type != "cuda":
        return {}
    others = [i for i in range(torch.cuda.device_count()) if i != (device.index or 0)]
    rooms: dict[int | str, int] = {i: int(free_bytes(torch.device("cuda", i)) / 2) for i in others}
    return rooms | {"cpu": int(free_bytes(torch.device("cpu")) / MARGIN)}


def _key(device: torch.device) -> int | str:
    """A device as accelerate calls it."""
    return device.index or 0 if device.type == "cuda" else device.type


def _names(model: nn.Module, *modules: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if any(module is other for other in modules)]


def _untied_head_bytes(profile: ModelProfile) -> int:
    """What accelerate does not count with the embeddings."""
    inputs, head = profile.skeleton.get_input_embeddings(), profile.skeleton.get_output_embeddings()  # type: ignore[no-untyped-call]
    return 0 if head.weight is inputs.weight else int(head.weight.nbytes)
