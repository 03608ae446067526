"""Many rows in forwards that fit: halved if memory is short or a row spoils its neighbours. None is lost."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from accelerate.utils.memory import should_reduce_batch_size

from opro_local.errors import ModelError

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], list[Result]]


class NoNumbers(Exception):
    """Rows that went through together gave no numbers: in one line, one row's NaN reaches its neighbours."""


def in_chunks(
    items: Sequence[Item], work: Work[Item, Result], chunks: Sequence[Sequence[int]]
) -> list[Result]:
    """work on chunks of the items, given by their indices; results in the items' order."""
    results: dict[int, Result] = {}
    for chunk in chunks:
        results |= zip(chunk, with_back_off([items[i] for i in chunk], work), strict=True)
    return [results[i] for i in range(len(items))]


def with_back_off(items: Sequence[Item], work: Work[Item, Result]) -> list[Result]:
    """work(items), halved as often as memory demands or work raises NoNumbers; one result an item, in order.

    Raises ModelError when one item alone does not fit, twice.
    """
    try:
        return work(items)
    except NoNumbers:
        pass
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
    # Out here the traceback is gone, and with it the tensors of the failed batch.
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
    if len(items) == 1:
        return _once_more(items, work)
    middle = len(items) // 2
    return with_back_off(items[:middle], work) + with_back_off(items[middle:], work)


def _once_more(items: Sequence[Item], work: Work[Item, Result]) -> list[Result]:
    """A single item again: the shortage may have passed. Raises ModelError where it has not."""
    try:
        return work(items)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise ModelError(
            "One prompt alone does not fit into memory. Shorten the texts or choose a smaller model."
        ) from None


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or bool(should_reduce_batch_size(error))
