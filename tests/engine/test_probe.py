"""At load every model gets the highest level that equals no reuse on it, and the reason is told."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from oracle import ATTENTION
from tiny_models import CONFIGS, NUMERIC, random_model, tiny_model
from typed_transformers import moved

import opro_local.engine.probe
import opro_local.engine.reuse
from opro_local.engine.asking import Attention
from opro_local.engine.cache import Placed
from opro_local.engine.forward import Body
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import WholeLikelihood
from opro_local.engine.masks import NoReuse, Reach
from opro_local.engine.probe import Allowance, Level, Verdict, choose_level, probe_requests
from opro_local.engine.rows import FOREVER, Row, joined, trunk_row
from opro_local.errors import ModelError


def whole(name: str) -> WholeLikelihood:
    model = tiny_model(name)
    return WholeLikelihood(body=Body(model), head=read_head(model), token_budget=4096)


def chosen(likelihood: WholeLikelihood, wanted: Level | None = None) -> Verdict:
    with torch.inference_mode():
        return choose_level(likelihood, wanted)


def wrongly_told(likelihood: WholeLikelihood, reach: Reach) -> Attention:
    """What the model's attention is like, but for the reach of its windows."""
    attention = likelihood.body.attention
    kinds = replace(
        attention.kinds, layers=tuple(reach if each.window else each for each in attention.kinds.layers)
    )
    return replace(attention, kinds=kinds)


@pytest.mark.parametrize("name", [*ATTENTION, "mamba"])
def test_models_run_at_the_highest_level_that_holds(name: str) -> None:
    highest = {"mamba": "E0", "gemma2-window-8": "E2"}
    assert chosen(whole(name)).level == highest.get(name, "E3")


def test_the_reason_tells_what_was_compared_and_what_did_not_fit() -> None:
    assert "differs from no reuse by" in chosen(whole("llama")).reason
    assert "its state is recurrent" in chosen(whole("mamba")).reason


@pytest.mark.parametrize("level", ["E0", "E2", "E3"])
def test_a_level_that_is_asked_for_is_taken(level: Level) -> None:
    assert chosen(whole("llama"), level).level == level


@pytest.mark.parametrize(("name", "level"), [("mamba", "E2"), ("gemma2-window-8", "E3")])
def test_a_level_that_does_not_hold_is_refused(name: str, level: Level) -> None:
    with pytest.raises(ModelError, match=f"cannot run at level {level}: no reuse; {level}: its"):
        chosen(whole(name), level)


def test_a_wrong_mask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = whole("gemma3-window-8")
    told = wrongly_told(likelihood, Reach())
    monkeypatch.setitem(vars(likelihood.body), "attention", told)
    verdict = chosen(likelihood)
    assert verdict.level == "E0"
    assert verdict.reason.count("differs from no reuse") == 2


def test_a_level_whose_calls_the_model_does_not_take_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TypeError("unexpected keyword")

    monkeypatch.setattr(Body, "packed", refuse)
    assert chosen(whole("llama")).level == "E2"
    monkeypatch.setattr(Body, "behind", refuse)
    verdict = chosen(whole("llama"))
    assert (verdict.level, verdict.reason.count("it fails here (TypeError)")) == ("E0", 2)


def test_rows_of_a_line_that_see_each_other_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def seeing(rows: Sequence[Row]) -> Row:
        line = joined(rows)
        return replace(line, until=(FOREVER,) * len(line.ids))

    monkeypatch.setattr(opro_local.engine.reuse, "joined", seeing)
    with pytest.raises(ModelError, match="cannot run at level E2: no reuse; E2: reuse differs"):
        chosen(whole("llama"), "E2")
    monkeypatch.undo()
    assert chosen(whole("llama"), "E2").level == "E2"


def test_no_probe_is_run_where_no_reuse_is_asked_for() -> None:
    likelihood = whole("llama")
    assert chosen(likelihood, "E0") == Verdict(level="E0", reuse=None, reason="asked for")
    assert likelihood.body.work.passes == 0


def test_the_probe_goes_beyond_a_short_window() -> None:
    assert min(len(request.context) for request in probe_requests(97, 8)) > 8
    assert max(len(request.context) for request in probe_requests(97, 4096)) < 16


@pytest.mark.parametrize("window", [99, 101, None])
def test_a_long_window_is_probed_at_its_real_size(
    window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIGS["mistral"](NUMERIC)
    config.sliding_window = 100
    model = random_model(config)
    likelihood = WholeLikelihood(body=Body(model), head=read_head(model), token_budget=4096)
    assert chosen(likelihood).level == "E3"
    monkeypatch.setitem(vars(likelihood.body), "attention", wrongly_told(likelihood, Reach(window=window)))
    assert chosen(likelihood).level == "E0"


def test_in_16_bit_a_mask_is_proved_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    model = moved(tiny_model("gemma3-window-8"), torch.bfloat16)
    likelihood = WholeLikelihood(body=Body(model), head=read_head(model), token_budget=4096)
    assert chosen(likelihood).level == "E3"
    monkeypatch.setattr(opro_local.engine.probe, "PROVED", Allowance(share=1.0, noise=10**6))
    monkeypatch.setitem(vars(likelihood.body), "attention", wrongly_told(likelihood, Reach(window=9)))
    assert chosen(likelihood).level == "E0"


def test_the_models_own_attention_is_back_after_a_line_that_failed() -> None:
    model = tiny_model("gemma2-window-8")
    own = model.config._attn_implementation
    body = Body(model)
    with torch.inference_mode(), pytest.raises(NoReuse, match="capped"):
        body.packed([Placed(row=trunk_row((1, 2), 0), prefix=None)])
    assert model.config._attn_implementation == own
