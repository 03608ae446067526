"""Short memory makes batches smaller; it never loses a row and never hides another error."""

from collections.abc import Sequence

import pytest
import torch

from opro_local.engine.batches import NoNumbers, in_chunks, with_back_off
from opro_local.errors import ModelError


class Tight:
    """Doubles numbers, but only so many at a time."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most, self.error = most, error
        self.sizes: list[int] = []

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.sizes.append(len(items))
        if len(items) > self.most:
            raise self.error
        return [2 * item for item in items]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("x"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_a_batch_is_halved_until_it_fits_and_stays_in_order(error: Exception) -> None:
    work = Tight(2, error)
    assert with_back_off(range(7), work) == [0, 2, 4, 6, 8, 10, 12]
    assert work.sizes == [7, 3, 1, 2, 4, 2, 2]


def test_one_row_that_does_not_fit_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match="does not fit into memory"):
        with_back_off([1], Tight(0, MemoryError()))


def test_other_errors_are_not_taken_for_short_memory() -> None:
    work = Tight(0, RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        with_back_off([1, 2], work)
    assert work.sizes == [2]


def test_a_row_that_spoils_its_neighbours_is_run_apart_from_them() -> None:
    sizes: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if 3 in items and len(items) > 1:
            raise NoNumbers
        return [2 * item for item in items]

    assert with_back_off(range(5), work) == [0, 2, 4, 6, 8]
    assert sizes == [5, 2, 3, 1, 2, 1, 1]


def test_chunked_results_come_back_in_the_order_of_the_items() -> None:
    work = Tight(99, MemoryError())
    assert in_chunks([5, 6, 7], work, [[1], [2, 0]]) == [10, 12, 14]
    assert work.sizes == [1, 2]
