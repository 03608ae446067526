"""Compiled layers give the numbers of the layers, and no layer is compiled for itself."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from oracle import body_beneath, run, scorer
from tiny_models import tiny_model

from opro_local.budget import planned_pairs
from opro_local.config import BudgetSettings, ModelSettings, RunSettings
from opro_local.engine.compiling import compiling_pays
from opro_local.engine.decode import Decoder
from opro_local.engine.generation import Sampling, SharedGeneration
from opro_local.engine.likelihood import SharedLikelihood
from opro_local.engine.prefix_store import PrefixStore
from opro_local.llm import ChoiceRequest, GenerationReply, GenerationRequest
from opro_local.wiring.models import PAIRS_WORTH_COMPILING, for_search

REQUESTS = [
    ChoiceRequest(context=(*range(5, 25), 30 + number, 41), choices=((7, 8), (9,), (7, 10)))
    for number in range(9)
]


class Graphs:
    """A backend of torch.compile that runs what it is given as it is, and counts it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: object) -> Callable[..., object]:
        self.count += 1
        return graph.forward


def sampled(score: SharedLikelihood) -> list[GenerationReply]:
    decoder = Decoder(head=score.head, ends=frozenset(), text=lambda ids: " ".join(map(str, ids)), ahead=0)
    request = GenerationRequest(prompt=tuple(range(5, 30)), max_tokens=9, final=lambda _: False)
    written = SharedGeneration(body=body_beneath(score), decoder=decoder, prefixes=score.prefixes)
    with torch.inference_mode():
        return written.sample(request, Sampling(n=4, temperature=1.0, seed=3))


@pytest.mark.parametrize("name", ["llama", "gemma3-window-8", "qwen3"])
def test_lines_and_steps_go_through_the_same_unbroken_graphs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch._dynamo.reset()
    plain = scorer(tiny_model(name), "E3", store=PrefixStore(2**30))
    scores, replies = run(plain, REQUESTS), sampled(plain)
    graphs, compiled = Graphs(), scorer(tiny_model(name), "E3", store=PrefixStore(2**30))
    # fullgraph: torch raises where a graph would be broken off in the middle of a layer.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=graphs, fullgraph=True))
    body_beneath(compiled).compile()
    assert (run(compiled, REQUESTS), sampled(compiled)) == (scores, replies)
    assert body_beneath(compiled).compiled
    assert graphs.count == 1


def test_only_long_searches_are_compiled_unless_a_person_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def pays(quantize: str, device: str) -> bool:
        asked.append((quantize, device))
        return quantize != "fp32"

    monkeypatch.setattr("opro_local.engine.compiling.compiling_pays", pays)
    models = ModelSettings(scorer="m", device="cpu")
    light, medium = (
        planned_pairs(RunSettings(models=models, budget=BudgetSettings(preset=preset)))
        for preset in ("light", "medium")
    )
    assert light < PAIRS_WORTH_COMPILING <= medium
    assert for_search(models, light).compiled is False
    assert not asked
    assert for_search(models, medium).compiled is True
    assert for_search(models.model_copy(update={"quantize": "fp32"}), medium).compiled is False
    assert asked == [("auto", "cpu"), ("fp32", "cpu")]
    for said in (True, False):
        told = models.model_copy(update={"compiled": said})
        assert for_search(told, medium) == for_search(told, light) == told


@pytest.mark.parametrize(
    ("capability", "quantize", "pays"),
    [({"amx_bf16": True}, "auto", True), ({"amx_bf16": True}, "nf4", False), ({}, "auto", False)],
)
def test_compiling_pays_where_dense_weights_are_multiplied_fast(
    monkeypatch: pytest.MonkeyPatch, capability: dict[str, bool], quantize: str, pays: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capability)
    assert compiling_pays(quantize, "cpu") is pays  # type: ignore[arg-type]
