"""Masks say which token sees which: causal, branch by branch, pads apart, windows by position."""

import pytest
import torch
from tiny_models import CONFIGS, NUMERIC
from transformers import GPTNeoConfig, MistralConfig, Qwen3NextConfig

from opro_local.engine.masks import (
    FULL,
    SLIDING,
    AttentionKinds,
    NoReuse,
    attention_kinds,
    columns_of,
    visible,
    within,
)
from opro_local.engine.rows import joined, tree_row, trunk_row
from opro_local.llm import ChoiceRequest

CPU = torch.device("cpu")


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


def test_a_token_that_follows_padding_does_not_see_it() -> None:
    columns = columns_of([trunk_row((1, 2, 3), 0), trunk_row((1,), 0)], device=CPU)
    columns = columns.followed_by(torch.tensor([3, 1]))
    assert drawn(visible(columns.until, 1)[:, 0]) == ["xxxx", "x..x"]
    assert columns.positions.tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]


def test_a_window_counts_positions_not_columns() -> None:
    # Columns 0 1 2 and a second branch at position 1 in column 3: with a window of 2 it sees position 0.
    positions = torch.tensor([[0, 1, 2, 1]])
    assert drawn(within(positions, 2, 2)[0]) == [".xxx", "xxxx"]


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


def test_models_with_several_kinds_of_layers_get_a_mask_for_each() -> None:
    columns = columns_of([trunk_row((1, 2, 3), 0)], device=CPU)
    kinds = AttentionKinds(layers=(SLIDING, FULL), window=2, by_kind=True)
    masks = kinds.masks(columns, queries=1, dtype=torch.float32)
    blocked = torch.finfo(torch.float32).min
    assert masks[FULL].tolist() == [[[[0.0, 0.0, 0.0]]]]
    assert masks[SLIDING].tolist() == [[[[blocked, 0.0, 0.0]]]]
    assert kinds.for_model(masks) is masks


def test_a_window_without_kinds_holds_for_all_layers() -> None:
    columns = columns_of([trunk_row((1, 2, 3), 0)], device=CPU)
    kinds = AttentionKinds(layers=(SLIDING, SLIDING), window=2, by_kind=False)
    masks = kinds.masks(columns, queries=1, dtype=torch.float32)
    assert list(masks) == [SLIDING]
    assert kinds.for_model(masks) is masks[SLIDING]


def test_kinds_are_read_off_the_config() -> None:
    assert attention_kinds(MistralConfig(sliding_window=8, num_hidden_layers=2)) == AttentionKinds(
        layers=(SLIDING, SLIDING), window=8, by_kind=False
    )
    assert attention_kinds(CONFIGS["llama"](NUMERIC)) == AttentionKinds(
        layers=(FULL,) * 3, window=None, by_kind=False
    )
    assert attention_kinds(CONFIGS["gemma3"](NUMERIC)) == AttentionKinds(
        layers=(*[SLIDING] * 5, FULL), window=64, by_kind=True
    )
    assert attention_kinds(CONFIGS["qwen2-window-8"](NUMERIC)) == AttentionKinds(
        layers=(FULL, SLIDING, SLIDING), window=8, by_kind=True
    )


def test_layers_that_keep_another_state_refuse_reuse() -> None:
    with pytest.raises(NoReuse, match="linear_attention"):
        attention_kinds(Qwen3NextConfig(num_hidden_layers=4))


def test_a_model_that_cuts_its_own_windows_shares_nothing() -> None:
    with pytest.raises(NoReuse, match="windows of its own"):
        attention_kinds(GPTNeoConfig())
