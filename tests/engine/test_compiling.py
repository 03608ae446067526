"""Compiled layers give the numbers of the layers, and no layer is compiled for itself."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

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
from opro_local.engine.profile import Quantize
from opro_local.engine.swapping import LoadOptions
from opro_local.llm import ChoiceRequest, Engine, GenerationReply, GenerationRequest
from opro_local.wiring.models import PAIRS_WORTH_COMPILING, for_pairs, load_stored

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


def test_only_long_searches_may_be_compiled_unless_a_person_says_so() -> None:
    models = ModelSettings(scorer="m", device="cpu")
    light, medium = (
        planned_pairs(RunSettings(models=models, budget=BudgetSettings(preset=preset)))
        for preset in ("light", "medium")
    )
    assert light < PAIRS_WORTH_COMPILING <= medium
    assert for_pairs(models, light).compiled is False
    assert for_pairs(models, medium).compiled is None
    for said in (True, False):
        told = models.model_copy(update={"compiled": said})
        assert for_pairs(told, medium) == for_pairs(told, light) == told


@pytest.mark.parametrize(("said", "compiled"), [(None, True), (True, True), (False, False)])
def test_what_is_left_open_is_compiled_where_it_pays(
    said: bool | None, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[LoadOptions] = []

    def load(folders: Mapping[str, Path], how: LoadOptions) -> tuple[dict[str, Engine], tuple[()]]:
        options.append(how)
        return {}, ()

    monkeypatch.setattr("opro_local.engine.swapping.load_engines", load)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.setenv("CXX", sys.executable)
    load_stored({}, ModelSettings(scorer="m", device="cpu", compiled=said))
    assert [each.compiled for each in options] == [compiled]


@pytest.mark.parametrize(
    ("capability", "quantize", "compiler", "pays"),
    [
        ({"amx_bf16": True}, "auto", sys.executable, True),
        ({"amx_bf16": True}, "nf4", sys.executable, False),
        ({"amx_bf16": True}, "auto", "no-such-compiler", False),
        ({}, "auto", sys.executable, False),
    ],
)
def test_compiling_pays_where_a_compiler_is_and_dense_weights_are_multiplied_fast(
    monkeypatch: pytest.MonkeyPatch,
    capability: dict[str, bool],
    quantize: Quantize,
    compiler: str,
    pays: bool,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capability)
    monkeypatch.setenv("CXX", compiler)
    assert compiling_pays(quantize, "cpu") is pays
