"""Negative controls: what reuse could get wrong is seen in the scores, so the other tests prove something."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest
import torch
from oracle import LEVELS, Scores, body_beneath, by_the_model_itself, ids, largest_gap, run, scorer, workload
from tiny_models import tiny_model

import opro_local.engine.likelihood
import opro_local.engine.masks
import opro_local.engine.rows
from opro_local.engine.masks import FULL, AttentionKinds, Reach
from opro_local.engine.prefixes import Shared, StoredPrefixes
from opro_local.engine.probe import Level
from opro_local.engine.rows import FOREVER, Row
from opro_local.llm import ChoiceRequest, TokenIds

WRONG = 0.01
SLIDING = Reach(window=8)
KEYS = ("sliding_attention",) * 5 + ("full_attention",)


def sliding(reach: Reach) -> AttentionKinds:
    return AttentionKinds(layers=(reach,) * 5 + (FULL,), keys=KEYS)


@cache
def expected(name: str) -> Scores:
    return by_the_model_itself(tiny_model(name), workload())


def gap(name: str, level: Level, kinds: AttentionKinds | None = None) -> float:
    """How far the scores are off, with other kinds of layers if given."""
    score = scorer(tiny_model(name), level)
    if kinds:
        vars(body_beneath(score))["kinds"] = kinds
    return largest_gap(run(score, workload()), expected(name))


@pytest.mark.parametrize("level", LEVELS)
def test_branches_that_see_each_other(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    opro_local.engine.rows._tree.cache_clear()
    monkeypatch.setattr(opro_local.engine.rows, "_end_of_subtree", lambda *_: FOREVER - 1000)
    try:
        assert gap("llama", level) > WRONG
    finally:
        opro_local.engine.rows._tree.cache_clear()


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(AttentionKinds(layers=(SLIDING,) * 6, keys=()), id="all-sliding"),
        pytest.param(AttentionKinds(layers=(FULL,) * 6, keys=()), id="all-full"),
        pytest.param(sliding(Reach(window=2**20)), id="no-window"),
        pytest.param(sliding(Reach(window=7)), id="window-less-one"),
        pytest.param(sliding(Reach(window=9)), id="window-more-one"),
        pytest.param(sliding(Reach(chunk=8)), id="chunk"),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_a_window_that_is_another_than_the_models(level: Level, kinds: AttentionKinds) -> None:
    assert gap("gemma3-window-8", level, kinds) > WRONG


@pytest.mark.parametrize("level", LEVELS)
def test_a_window_that_counts_columns_instead_of_positions(
    level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = opro_local.engine.masks.within

    def by_column(positions: torch.Tensor, asking: torch.Tensor, window: int) -> torch.Tensor:
        columns = torch.arange(positions.shape[1]).expand_as(positions)
        return right(columns, columns[:, -asking.shape[1] :], window)

    monkeypatch.setattr(opro_local.engine.masks, "within", by_column)
    assert gap("mistral-window-8", level) > WRONG


@pytest.mark.parametrize("level", LEVELS)
def test_rows_behind_the_prefix_of_other_rows(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes_of = StoredPrefixes.of

    def swapped(self: StoredPrefixes, prompts: Sequence[TokenIds]) -> list[Shared]:
        first, second = prefixes_of(self, prompts)
        return [replace(first, prefix=second.prefix), replace(second, prefix=first.prefix)]

    draw = random.Random(5)
    requests = [
        ChoiceRequest(context=prefix + ids(draw, 3), choices=(ids(draw, 2), ids(draw, 1)))
        for prefix in (ids(draw, 10), ids(draw, 10))
        for _ in range(2)
    ]
    model = tiny_model("llama")
    right = run(scorer(model, level), requests)
    monkeypatch.setattr(StoredPrefixes, "of", swapped)
    assert largest_gap(run(scorer(model, level), requests), right) > WRONG


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("level", LEVELS)
def test_positions_that_start_anew_behind_the_prefix(
    level: Level, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_zero(row_of: Callable[..., Row]) -> Callable[..., Row]:
        def row(asked: object, start: int) -> Row:
            right = row_of(asked, start)
            return replace(right, positions=tuple(position - start for position in right.positions))

        return row

    tree_row = opro_local.engine.rows.tree_row
    monkeypatch.setattr(opro_local.engine.likelihood, "tree_row", from_zero(tree_row))
    assert gap(name, level) > WRONG
