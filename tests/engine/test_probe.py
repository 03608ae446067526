"""At load every model gets the highest level that equals no reuse on it, and the reason is told."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from oracle import ATTENTION
from tiny_models import tiny_model

import opro_local.engine.reuse
from opro_local.engine.cache import Placed
from opro_local.engine.forward import Body
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import WholeLikelihood
from opro_local.engine.masks import FULL, AttentionKinds, NoReuse
from opro_local.engine.probe import Level, Verdict, choose_level, probe_requests
from opro_local.engine.rows import FOREVER, Row, joined, trunk_row
from opro_local.errors import ModelError


def whole(name: str) -> WholeLikelihood:
    model = tiny_model(name)
    return WholeLikelihood(body=Body(model), head=read_head(model), token_budget=4096)


def chosen(likelihood: WholeLikelihood, wanted: Level | None = None) -> Verdict:
    with torch.inference_mode():
        return choose_level(likelihood, wanted)


@pytest.mark.parametrize("name", [*ATTENTION, "mamba"])
def test_models_run_at_the_highest_level_that_holds(name: str) -> None:
    highest = {"mamba": "E0", "gemma2-window-8": "E2"}
    assert chosen(whole(name)).level == highest.get(name, "E3")


def test_the_reason_tells_what_was_compared_and_what_did_not_fit() -> None:
    assert "differs from no reuse by" in chosen(whole("llama")).reason
    assert "its state is recurrent" in chosen(whole("mamba")).reason


@pytest.mark.parametrize("level", ["E0", "E1", "E2", "E3"])
def test_a_level_that_is_asked_for_is_taken(level: Level) -> None:
    assert chosen(whole("llama"), level).level == level


@pytest.mark.parametrize(("name", "level"), [("mamba", "E1"), ("gemma2-window-8", "E3")])
def test_a_level_that_does_not_hold_is_refused(name: str, level: Level) -> None:
    with pytest.raises(ModelError, match=f"cannot run at level {level}: no reuse; {level}: its"):
        chosen(whole(name), level)


def test_a_wrong_mask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = whole("gemma3-window-8")
    kinds = AttentionKinds(layers=(FULL,) * 6, window=8, by_kind=False)
    monkeypatch.setitem(vars(likelihood.body), "kinds", kinds)
    verdict = chosen(likelihood)
    assert verdict.level == "E0"
    assert verdict.reason.count("differs from no reuse") == 3


def test_a_level_whose_calls_the_model_does_not_take_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TypeError("unexpected keyword")

    monkeypatch.setattr(Body, "packed", refuse)
    assert chosen(whole("llama")).level == "E2"
    monkeypatch.setattr(Body, "behind", refuse)
    verdict = chosen(whole("llama"))
    assert (verdict.level, verdict.reason.count("it fails here (TypeError)")) == ("E0", 3)


def test_rows_of_a_line_that_see_each_other_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def seeing(rows: Sequence[Row]) -> Row:
        line = joined(rows)
        return replace(line, until=(FOREVER,) * len(line.ids))

    monkeypatch.setattr(opro_local.engine.reuse, "joined", seeing)
    with pytest.raises(ModelError, match="cannot run at level E2: no reuse; E2: reuse differs"):
        chosen(whole("llama"), "E2")
    assert chosen(whole("llama"), "E1").level == "E1"


def test_no_probe_is_run_where_no_reuse_is_asked_for() -> None:
    likelihood = whole("llama")
    assert chosen(likelihood, "E0") == Verdict(level="E0", reuse=None, reason="asked for")
    assert likelihood.body.work.passes == 0


def test_the_probe_goes_beyond_a_short_window() -> None:
    assert min(len(request.context) for request in probe_requests(97, 8)) > 8
    assert max(len(request.context) for request in probe_requests(97, 4096)) < 16


def test_the_models_own_attention_is_back_after_a_line_that_failed() -> None:
    model = tiny_model("gemma2-window-8")
    own = model.config._attn_implementation
    body = Body(model)
    with torch.inference_mode(), pytest.raises(NoReuse, match="capped"):
        body.packed([Placed(row=trunk_row((1, 2), 0), prefix=None)])
    assert model.config._attn_implementation == own
