"""Steps that are the same operations on the same memory each time: recorded once, then replayed at once.

A step of decoding is some hundred small kernels, which a GPU runs faster than the host can ask for them. As a
CUDA graph they are asked for in one call. What is recorded are kernels and addresses: numbers of the host are
what they were then, so a step may read nothing from the device and must write its own counters there.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

Call = Callable[[Tensor], Tensor]
"""A step: the newest tokens (B,) -> what comes of them. It changes tensors of its own in place."""


class Graph(Protocol):
    """Recorded operations."""

    def replay(self) -> None: ...


class Recorder(Protocol):
    """A device's way to record operations. They are not carried out while they are recorded."""

    def __call__(self, call: Callable[[], Tensor], /) -> tuple[Graph, Tensor]:
        """-> the graph, and the tensor that each replay leaves its result in."""
        ...


def cuda_graph(call: Callable[[], Tensor]) -> tuple[Graph, Tensor]:
    """opro_local.engine.capture.Recorder. Raises RuntimeError for what cannot be recorded."""
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = call()
    finally:
        torch.cuda.set_stream(stream)  # a recording that fails would leave its own
    return graph, result


class Replayed:
    """A step that runs as it is the first time, is recorded the second time, and replayed from then on.

    The first run is what makes libraries choose and load their kernels, which cannot be recorded. A result
    holds until the next call.
    """

    def __init__(self, step: Call, record: Recorder) -> None:
        self._step, self._record = step, record
        self._tokens: Tensor | None = None
        self._recorded: tuple[Graph, Tensor] | None = None

    def __call__(self, tokens: Tensor) -> Tensor:
        if self._tokens is None:
            self._tokens = tokens.clone()
            return self._step(tokens)
        self._tokens.copy_(tokens)
        if self._recorded is None:
            self._recorded = self._record(partial(self._step, self._tokens))
        graph, result = self._recorded
        graph.replay()
        return result
