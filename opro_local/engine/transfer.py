"""Numbers on their way between the host and the device, without making either wait.

A plain copy stops the host until the device has done all that was asked of it before. On a CPU there is
nothing to wait for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def sent(numbers: Sequence[object], device: torch.device, dtype: torch.dtype = torch.long) -> Tensor:
    """Numbers, or rows of numbers, as a tensor on the device."""
    return torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)


class Arriving:
    """A tensor on its way to the host."""

    def __init__(self, values: Tensor) -> None:
        self._values = values.to("cpu", non_blocking=True)
        self._there: torch.Event | None = None
        if values.device.type != "cpu":
            self._there = torch.Event(values.device)
            self._there.record()

    def read(self) -> list[int]:
        """Its numbers; waits until they are there."""
        if self._there is not None:
            self._there.synchronize()
        numbers: list[int] = self._values.tolist()
        return numbers
