"""How requests are batched, ordered and halved changes no score beyond the last bits, and no other row."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import pytest
import torch
from oracle import LEVELS, Scores, by_the_model_itself, ids, largest_gap, many, run, scorer
from tiny_models import save_tiny_model, tiny_model, without_numbers
from transformers import PreTrainedModel
from typed_transformers import moved

from opro_local.config import Quantize
from opro_local.engine.cache import Placed
from opro_local.engine.forward import Body
from opro_local.engine.loading import load_folder
from opro_local.engine.probe import Level
from opro_local.engine.reuse import MASK_CELLS, PackedTokens
from opro_local.engine.rows import trunk_row
from opro_local.engine.work import Work
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest


@pytest.mark.parametrize("token_budget", [64, 256, 4096])
@pytest.mark.parametrize("level", LEVELS)
def test_token_budgets_change_no_score(level: Level, token_budget: int) -> None:
    scores = run(scorer(tiny_model("phi3"), level, token_budget=token_budget), many(18))
    assert largest_gap(scores, expected_of_phi3()) < 1e-4


@cache
def expected_of_phi3() -> Scores:
    return by_the_model_itself(tiny_model("phi3"), many(18))


@pytest.mark.parametrize("name", ["gemma3-window-8", "gpt2"])
@pytest.mark.parametrize("level", LEVELS)
def test_the_order_of_requests_changes_not_a_bit(name: str, level: Level) -> None:
    model = tiny_model(name)
    requests = many(18)
    order = Random(3).sample(range(18), 18)
    scores = run(scorer(model, level, token_budget=64), requests)
    shuffled = run(scorer(model, level, token_budget=64), [requests[i] for i in order])
    assert shuffled == [scores[i] for i in order]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("level", LEVELS)
def test_a_changed_row_leaves_the_others_alone(level: Level, dtype: torch.dtype) -> None:
    model = moved(tiny_model("qwen2"), dtype)
    requests = many(18)
    scores, changed = (run(scorer(model, level), asked) for asked in (requests, with_another_row(requests)))
    assert changed[:7] + changed[8:] == scores[:7] + scores[8:]
    assert changed[7] != scores[7]


@pytest.mark.parametrize("quantize", ["nf4", "int8"])
def test_a_changed_row_leaves_the_others_alone_in_quantised_models(
    quantize: Quantize, tmp_path: Path
) -> None:
    folder = save_tiny_model(tmp_path, "mistral-window-8")
    model = load_folder(folder, quantize=quantize, device="cpu").model
    requests = many(8)
    scores, changed = (run(scorer(model, "E3"), asked) for asked in (requests, with_another_row(requests)))
    assert changed[:7] + changed[8:] == scores[:7] + scores[8:]
    assert changed[7] != scores[7]


def with_another_row(requests: Sequence[ChoiceRequest]) -> list[ChoiceRequest]:
    """Row 7 ends in another token; its length stays."""
    row = requests[7]
    other = replace(row, context=(*row.context[:-1], row.context[-1] % 96 + 1))
    return [*requests[:7], other, *requests[8:]]


def two_groups() -> list[ChoiceRequest]:
    """Twelve rows behind each of two prefixes: no forward is made of one row."""
    draw = Random(6)
    return [
        ChoiceRequest(context=(*prefix, i, *ids(draw, 2 + i % 4)), choices=(ids(draw, 2), ids(draw, 1)))
        for prefix in (ids(draw, 12), ids(draw, 9))
        for i in range(12)
    ]


class Memory:
    """Runs out at the k-th forward, or at all that hold more tokens than there is room for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails_at: int = 0, room: int = 2**20) -> None:
        self._count = Work.count
        self._fails_at, self._room = fails_at, room
        self.forwards = self.refused = 0
        monkeypatch.setattr(Work, "count", lambda work, **counts: self._begin(work, **counts))

    def _begin(self, work: Work, *, tokens: int, padded: int) -> None:
        """Every forward is counted as it begins."""
        self.forwards += 1
        if self.forwards == self._fails_at or tokens > self._room:
            self.refused += 1
            raise torch.OutOfMemoryError
        self._count(work, tokens=tokens, padded=padded)


def tight_scores(model: PreTrainedModel, level: Level) -> Scores:
    return run(scorer(model, level, token_budget=48), two_groups())


@pytest.mark.parametrize("level", LEVELS)
def test_memory_running_out_at_any_forward_changes_no_score(
    level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("llama")
    with monkeypatch.context() as patch:
        memory = Memory(patch)
        expected = tight_scores(model, level)
    assert memory.forwards > 3
    for k in range(1, memory.forwards + 1):
        with monkeypatch.context() as patch:
            tight = Memory(patch, fails_at=k)
            assert largest_gap(tight_scores(model, level), expected) < 1e-5
        assert (tight.refused, tight.forwards) == (1, memory.forwards + 2)


@pytest.mark.parametrize("level", LEVELS)
def test_memory_for_a_row_at_a_time_is_enough(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    expected = tight_scores(model, level)
    memory = Memory(monkeypatch, room=12)
    assert largest_gap(tight_scores(model, level), expected) < 1e-5
    assert memory.refused > 0


@pytest.mark.parametrize("level", LEVELS)
def test_memory_for_less_than_a_row_is_a_clear_error(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(monkeypatch, room=8)
    with pytest.raises(ModelError, match="does not fit into memory"):
        tight_scores(tiny_model("llama"), level)


@pytest.mark.parametrize("level", ["E2", "E3"])
def test_a_choice_without_numbers_spoils_no_other(level: Level) -> None:
    model = tiny_model("llama")
    without_numbers(model, 96)
    request = ChoiceRequest(context=(3, 4, 5), choices=((10, 11), (96, 12), (13, 14)))
    with torch.inference_mode():
        (reply,) = scorer(model, level)([request])
    plain = by_the_model_itself(model, [request])[0]
    assert [math.isnan(value) for value in reply.log_probs] == [False, True, False]
    assert reply.log_probs[0] == pytest.approx(plain[0], abs=1e-4)
    assert reply.log_probs[2] == pytest.approx(plain[2], abs=1e-4)


def test_one_long_row_does_not_widen_the_masks_of_the_short_ones() -> None:
    body = Body(tiny_model("llama"))
    rows = [Placed(row=trunk_row((1,) * width, 0), prefix=None) for width in (9,) * 400 + (3000,)]
    lines = PackedTokens(body, 8192).chunks(rows)
    assert sorted(i for line in lines for i in line) == list(range(401))
    for line in lines:
        own = max(len(rows[i].row.ids) for i in line)
        assert len(line) == 1 or len(line) * own * own <= MASK_CELLS
    assert len(lines) == 2
