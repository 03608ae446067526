"""Masks say which token sees which: causal, branch by branch, pads apart, windows by position."""

import pytest
import torch

from opro_local.engine.masks import (
    EVERYBODY,
    FULL,
    NOBODY,
    AttentionKinds,
    NoReuse,
    Reach,
    SlotColumns,
    columns_of,
    visible,
    within,
)
from opro_local.engine.rows import joined, tree_row, trunk_row
from opro_local.llm import ChoiceRequest

CPU = torch.device("cpu")
SLIDING = Reach(window=2)


def drawn(mask: torch.Tensor) -> list[str]:
    return ["".join("x" if cell else "." for cell in row) for row in mask.tolist()]


def test_branches_see_the_trunk_and_themselves_but_not_each_other() -> None:
    # One cached token, trunk 6, then the paths 1, 1-2 and 3.
    row = tree_row(ChoiceRequest(context=(5, 6), choices=((1, 2, 8), (3, 9))), 1)
    columns = columns_of([row], device=CPU)
    assert drawn(visible(columns.until, 4)[0]) == ["xx...", "xxx..", "xxxx.", "xx..x"]


def test_a_pad_is_seen_by_itself_alone() -> None:
    columns = columns_of([trunk_row((1, 2, 3), 0), trunk_row((1,), 0)], device=CPU)
    assert drawn(visible(columns.until, 3)[1]) == ["x..", "xx.", "x.x"]


def test_a_slot_sees_what_is_for_all_and_its_own() -> None:
    # Two cached tokens, a pad, one token of slot 0, a pad of slot 1; then a token each.
    owners = torch.tensor([[EVERYBODY, EVERYBODY, NOBODY, 0, NOBODY, 0, 1, NOBODY]])
    positions = torch.tensor([[0, 1, 0, 2, 0, 3, 2, 0]])
    columns = SlotColumns(positions=positions, owners=owners, asking=torch.tensor([[3, 2]]))
    assert drawn(columns.seen()[0]) == ["xx.x.x..", "xx....x."]
    (mask,) = AttentionKinds(layers=(SLIDING,), keys=()).masks(columns, torch.float32).values()
    assert drawn(mask[0, 0] == 0) == ["...x.x..", ".x....x."]


def test_a_window_counts_positions_not_columns() -> None:
    # Columns 0 1 2 and a second branch at position 1 in column 3: with a window of 2 it sees position 0.
    positions = torch.tensor([[0, 1, 2, 1]])
    assert drawn(within(positions, positions[:, -2:], 2)[0]) == [".xxx", "xxxx"]


def test_a_pad_among_cached_tokens_is_seen_by_nobody() -> None:
    # Two cached tokens and one, then two tokens and one of their own.
    rows = [trunk_row((1, 2, 3, 4), 2), trunk_row((5, 6), 1)]
    columns = columns_of(rows, device=CPU)
    assert columns.positions.tolist() == [[0, 1, 2, 3], [0, 0, 1, 0]]
    assert drawn(visible(columns.until, 2)[0]) == ["xxx.", "xxxx"]
    assert drawn(visible(columns.until, 2)[1]) == ["x.x.", "x.xx"]


def test_rows_in_one_line_see_what_is_cached_and_themselves() -> None:
    # One cached token; 5 6 of the first row, 7 of the second with its branches 1 and 2.
    tree = tree_row(ChoiceRequest(context=(9, 7), choices=((1, 8), (2, 8))), 1)
    columns = columns_of([joined([trunk_row((9, 5, 6), 1), tree])], device=CPU)
    assert drawn(visible(columns.until, 5)[0]) == ["xx....", "xxx...", "x..x..", "x..xx.", "x..x.x"]
    assert columns.positions.tolist() == [[0, 1, 2, 1, 2, 2]]


def test_a_chunk_counts_positions_too() -> None:
    positions = torch.tensor([[0, 1, 2, 3, 2]])
    sees = Reach(chunk=2).sees(positions, positions[:, -3:])
    assert sees is not None
    assert drawn(sees[0]) == ["..xxx", "..xxx", "..xxx"]


def test_models_with_several_kinds_of_layers_get_a_mask_for_each() -> None:
    columns = columns_of([trunk_row((1, 2, 3), 0)], device=CPU)
    kinds = AttentionKinds(layers=(SLIDING, FULL), keys=("near", "far"))
    masks = kinds.masks(columns, torch.float32)
    blocked = torch.finfo(torch.float32).min
    assert masks[FULL][0, 0, -1].tolist() == [0.0, 0.0, 0.0]
    assert masks[SLIDING][0, 0, -1].tolist() == [blocked, 0.0, 0.0]
    assert kinds.for_model(masks) == {"near": masks[SLIDING], "far": masks[FULL]}


def test_a_model_that_takes_one_mask_gets_that_of_all_its_layers() -> None:
    columns = columns_of([trunk_row((1, 2, 3), 0)], device=CPU)
    kinds = AttentionKinds(layers=(SLIDING, SLIDING), keys=())
    masks = kinds.masks(columns, torch.float32)
    assert list(masks) == [SLIDING]
    assert kinds.for_model(masks) is masks[SLIDING]


def test_a_model_that_takes_no_masks_gets_none() -> None:
    with pytest.raises(NoReuse, match="takes no masks"):
        AttentionKinds(layers=(FULL,), keys=None).for_model({})


def test_every_window_and_chunk_is_what_a_probe_must_cross() -> None:
    assert AttentionKinds(layers=(FULL, FULL), keys=()).lengths == set()
    layers = (SLIDING, FULL, Reach(chunk=9), SLIDING)
    assert AttentionKinds(layers=layers, keys=()).lengths == {2, 9}


def test_spare_columns_stand_behind_the_cached_tokens_and_are_seen_by_nobody() -> None:
    columns = columns_of([trunk_row((1, 2, 3, 4), 2), trunk_row((5, 6), 1)], device=CPU, spare=2)
    assert columns.positions.tolist() == [[0, 1, 0, 0, 2, 3], [0, 0, 0, 0, 1, 0]]
    assert drawn(visible(columns.until, 2)[0]) == ["xx..x.", "xx..xx"]
    assert drawn(visible(columns.until, 2)[1]) == ["x...x.", "x...xx"]
