"""A GPU gives what the CPU gives: scores, replies, draws. Skipped where there is none; test_device_path asks
the rest of what a GPU needs on any machine.
"""

from pathlib import Path

import pytest
import torch
from oracle import CASES, by_the_model_itself, largest_gap, run, scorer, workload
from tiny_models import save_tiny_model, tiny_model
from typed_transformers import moved

from opro_local.config import Quantize
from opro_local.engine import LocalEngine, load_engine
from opro_local.engine.probe import Level
from opro_local.llm import ChoiceRequest, GenerationRequest, Message

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

USER = [Message("user", "Is it late?")]


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "mistral", "mistral")


def choices(engine: LocalEngine) -> ChoiceRequest:
    context = engine.encode(USER)
    answers = ("yes", "yellow", "no")
    return ChoiceRequest(
        context=context, choices=tuple(engine.encode(USER, answer)[len(context) :] for answer in answers)
    )


def asked(engine: LocalEngine) -> GenerationRequest:
    return GenerationRequest(prompt=engine.encode(USER), max_tokens=8, final=lambda _: False)


@pytest.mark.parametrize(("name", "level"), CASES)
def test_reuse_equals_the_model_itself_on_the_cpu(name: str, level: Level) -> None:
    expected = by_the_model_itself(tiny_model(name), workload())
    there = moved(tiny_model(name), torch.device("cuda"))
    assert largest_gap(run(scorer(there, level), workload()), expected) < 1e-4


def test_replies_and_draws_are_those_of_the_cpu(mistral: Path) -> None:
    cpu, gpu = (
        load_engine(mistral, digest="model:test", quantize="fp32", device=device)
        for device in ("cpu", "cuda")
    )
    assert gpu.numerics == "float32/none/cuda/E3/eager+recorded"
    assert gpu.generate([asked(gpu)]) == cpu.generate([asked(cpu)])
    draws = [engine.sample(asked(engine), 4, temperature=1.0, seed=3) for engine in (cpu, gpu)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize("quantize", ["auto", "nf4", "int8"])
def test_a_gpu_is_taken_where_there_is_one(mistral: Path, quantize: Quantize) -> None:
    engine = load_engine(mistral, digest="model:test", quantize=quantize)
    plain = load_engine(mistral, digest="model:test", quantize=quantize, level="E0")
    assert engine.device == "cuda"
    assert engine.level == "E3"
    ours, whole = (e.loglikelihood([choices(e)])[0].log_probs for e in (engine, plain))
    assert ours == pytest.approx(whole, abs=0.1)  # of 16 bits
