"""A recorder for the CPU, as strict as a CUDA graph: it keeps operations and the memory that they work on.

While it records nothing that was there before is changed; numbers of the host are kept as they were; a read
of a tensor by the host, or a tensor made of the host's numbers, is an error. Replayed, each result comes to
lie where it was recorded.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

FORBIDDEN = {"aten::_local_scalar_dense", "aten::lift_fresh", "aten::nonzero", "aten::masked_select"}
"""What makes a device and its host wait for each other, or needs numbers that the host has just made."""

Operation = tuple[Callable[..., object], tuple[object, ...], dict[str, object], object]


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]  # so is torch's __init_subclass__
    """opro_local.engine.capture.Graph; made by record."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._made: set[int] = set()
        self._before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        masked = func is torch.ops.aten.index.Tensor and torch.bool in [t.dtype for t in _tensors(args[1])]
        if func.name().partition(".")[0] in FORBIDDEN or masked:
            raise RuntimeError(f"{func} cannot be recorded")
        for argument, given in zip(func._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                self._remember(given)
        result = func(*args, **kwargs)
        given_memory = {_memory(each) for each in _tensors((args, kwargs))}
        self._made |= {_memory(each) for each in _tensors(result)} - given_memory
        self.operations.append((func, args, kwargs, result))
        return result

    def _remember(self, tensor: object) -> None:
        """So that it can be put back."""
        assert isinstance(tensor, Tensor)
        if _memory(tensor) not in self._made:
            self._before.append((tensor, tensor.clone()))

    def put_back(self) -> None:
        for tensor, value in reversed(self._before):
            tensor.copy_(value)

    def replay(self) -> None:
        for func, args, kwargs, result in self.operations:
            again = func(*args, **kwargs)
            for old, new in zip(_tensors(result), _tensors(again), strict=True):
                if _memory(old) != _memory(new):  # a view, or what was changed in place, lies there already
                    old.copy_(new)


def record(call: Callable[[], Tensor]) -> tuple[Tape, Tensor]:
    """opro_local.engine.capture.Recorder."""
    untyped: Any = Tape  # as torch's own __init__ is
    tape: Tape = untyped()
    with tape:
        result = call()
    tape.put_back()
    result.zero_()  # nothing was carried out
    return tape, result


def _tensors(tree: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
