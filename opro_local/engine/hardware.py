"""What a model computes on, by its maker's name."""

import platform
from pathlib import Path

import torch

PROCESSORS = Path("/proc/cpuinfo")


def hardware_name(device: str) -> str:
    """The name of the GPU, or of the processor where the system tells it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    lines = PROCESSORS.read_text(encoding="utf-8").splitlines() if PROCESSORS.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def gpu_count() -> int:
    """How many GPUs this process may use."""
    return torch.cuda.device_count()


def thread_count() -> int:
    """How many threads of the CPU a model has here, if nothing is said."""
    return torch.get_num_threads()
