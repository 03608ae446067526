"""A model whose layers lie partly on disk gives the same numbers as the same model in memory."""

from pathlib import Path

import pytest
from tiny_models import save_tiny_model

from opro_local.engine.loading import load_weights
from opro_local.engine.local import LocalEngine
from opro_local.engine.memory import LEAST_TOKENS, MARGIN, Needs, plan_memory, read_needs
from opro_local.engine.offload import spread_layers
from opro_local.engine.profile import profile_folder
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest, GenerationRequest

SCORING = [ChoiceRequest(context=(*range(20, 40), i), choices=((50, 51), (52,))) for i in range(60, 66)]
WRITING = [GenerationRequest(prompt=tuple(range(20, 30)), max_tokens=4, final=lambda _: False)]


def least(needs: Needs) -> int:
    """Bytes with which a model can just be spread."""
    assert needs.resident is not None
    return int(MARGIN * (needs.forward(LEAST_TOKENS) + needs.resident)) + 2


@pytest.mark.parametrize(
    "name", ["llama", "gpt2", pytest.param("gemma3-window-8", marks=pytest.mark.slow), "mamba"]
)
def test_layers_on_disk_change_no_number(name: str, tmp_path: Path) -> None:
    profile = profile_folder(save_tiny_model(tmp_path / name, name), quantize="fp32", device="cpu")
    needs = read_needs(profile)
    plan = plan_memory(needs, least(needs))
    places = spread_layers(profile, plan)
    assert plan.spread
    assert {"cpu", "disk"} == set(places.values())
    whole = LocalEngine(load_weights(profile), digest="whole")
    apart = LocalEngine(load_weights(profile, spread=places), digest="apart", budgets=plan.budgets)
    assert any(parameter.is_meta for parameter in apart._body.model.parameters())
    for ours, theirs in zip(apart.loglikelihood(SCORING), whole.loglikelihood(SCORING), strict=True):
        assert ours.log_probs == pytest.approx(theirs.log_probs, abs=1e-5)
    assert apart.generate(WRITING) == whole.generate(WRITING)


def test_less_than_its_ends_and_a_layer_is_refused(tmp_path: Path) -> None:
    needs = read_needs(
        profile_folder(save_tiny_model(tmp_path / "llama", "llama"), quantize="fp32", device="cpu")
    )
    with pytest.raises(ModelError, match="llama needs"):
        plan_memory(needs, least(needs) - 4)


def test_packed_weights_are_not_spread(tmp_path: Path) -> None:
    profile = profile_folder(save_tiny_model(tmp_path / "llama", "llama"), quantize="nf4", device="cpu")
    needs = read_needs(profile)
    with pytest.raises(ModelError, match="Choose a smaller model"):
        plan_memory(needs, needs.room(LEAST_TOKENS) - 1)
