"""Log-probabilities of single tokens equal the model's own, in whatever chunks they are computed."""

import math

import pytest
import torch
from tiny_models import tiny_model

import opro_local.engine.few_rows
import opro_local.engine.head
from opro_local.engine.forward import Body
from opro_local.engine.head import BYTES_A_LOGIT, CPU_SLICE_BYTES, Head, read_head
from opro_local.engine.probe import check_head
from opro_local.errors import ModelError


def by_hand(
    weight: torch.Tensor | None = None,
    *,
    bias: torch.Tensor | None = None,
    scale: float = 1.0,
    cap: float | None = None,
) -> Head:
    """Two dimensions, three tokens: logits of a state (a, b) are a, b and a + b."""
    if weight is None:
        weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    return Head(weight=weight, bias=bias, scale=scale, cap=cap)


def scored(head: Head, state: list[float], token: int) -> float:
    zero = torch.tensor([0])
    return float(head.log_probs(torch.tensor([state]), zero, torch.tensor([token]))[0])


def test_a_log_probability_is_the_logit_less_the_log_sum_exp() -> None:
    state = [math.log(2), math.log(3)]  # logits log 2, log 3, log 6: shares 2, 3 and 6 of 11
    assert scored(by_hand(), state, 2) == pytest.approx(math.log(6 / 11))


def test_bias_scale_and_cap_are_applied_in_this_order() -> None:
    head = by_hand(bias=torch.tensor([1.0, 0.0, 0.0]), scale=2.0, cap=4.0)
    logits = [4 * math.tanh(2 * x / 4) for x in (1 + 0.5, 0.25, 0.75)]
    expected = logits[0] - math.log(sum(map(math.exp, logits)))
    assert scored(head, [0.5, 0.25], 0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("state", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf, math.inf]])
def test_no_number_gives_nan(state: list[float]) -> None:
    assert math.isnan(scored(by_hand(), state, 0))


def test_rounding_in_16_bit_never_makes_a_probability_above_one() -> None:
    weight = torch.tensor([[9.97], [-9.0]], dtype=torch.bfloat16)
    head = by_hand(weight=weight)
    states = torch.linspace(1, 3, 50, dtype=torch.bfloat16)[:, None]
    rows = torch.arange(50)
    assert head.log_probs(states, rows, torch.zeros(50, dtype=torch.long)).max() <= 0


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    head = read_head(tiny_model("llama"))
    states = torch.randn(20, 48, generator=torch.Generator().manual_seed(0))
    rows, tokens = torch.arange(20).repeat(3), torch.arange(60)
    whole = head.log_probs(states, rows, tokens)
    monkeypatch.setattr(opro_local.engine.head, "CPU_SLICE_BYTES", 2000)
    assert torch.allclose(head.log_probs(states, rows, tokens), whole, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 50, 3000])
def test_no_logits_larger_than_the_budget_are_ever_in_memory(
    rows: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    linear = opro_local.engine.few_rows.linear

    def watched(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        logits = linear(hidden, weight, bias)
        made.append(logits.numel())
        return logits

    monkeypatch.setattr(opro_local.engine.head, "linear", watched)
    vocabulary = 20_000
    head = by_hand(weight=torch.ones(vocabulary, 2, dtype=dtype))
    pairs = torch.arange(rows)
    scores = head.log_probs(torch.ones(rows, 2, dtype=dtype), pairs, pairs)
    assert scores[0] == pytest.approx(-math.log(vocabulary), abs=1e-3)
    head.best(torch.ones(min(rows, 50), 2, dtype=dtype))
    assert max(made) * BYTES_A_LOGIT <= CPU_SLICE_BYTES
    assert sum(made) == (rows + min(rows, 50)) * vocabulary
    assert head.work.head_rows == rows + min(rows, 50)


def test_selected_logits_are_those_of_fp32_weights() -> None:
    # In bf16, whose numbers are 2 apart there, the logit would be 302.
    weight = torch.tensor([[1.0078125], [0.0]], dtype=torch.bfloat16)
    head, state = by_hand(weight=weight), torch.tensor([[300.0]], dtype=torch.bfloat16)
    picked = head._picked(state, torch.tensor([0]), torch.tensor([0]))
    assert picked.tolist() == [302.34375]


@pytest.mark.parametrize("name", ["granite", "cohere2-window-8", "gemma2-window-8", "gpt-neox"])
def test_scaled_and_capped_logits_are_the_models_own(name: str) -> None:
    model = tiny_model(name)
    with torch.inference_mode():
        check_head(model, Body(model), read_head(model))


def test_a_model_with_an_unknown_last_step_is_refused() -> None:
    model = tiny_model("granite")
    body, head = Body(model), read_head(model)
    model.config.logits_scaling = 3.0
    with torch.inference_mode(), pytest.raises(ModelError, match="changes its logits"):
        check_head(model, body, head)


def test_a_model_without_an_output_matrix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    monkeypatch.setattr(model, "get_output_embeddings", lambda: None)
    with pytest.raises(ModelError, match="no dense output layer"):
        read_head(model)
