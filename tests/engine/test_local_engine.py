"""The engine as the rest of the program sees it: a folder goes in, ids and numbers come out."""

import json
import math
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CONFIGS, LOADABLE, byte_tokenizer, save_tiny_model
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, SiglipVisionConfig

from opro_local.catalogue.folder import ModelFolder
from opro_local.config import Quantize
from opro_local.engine import LocalEngine, load_engine
from opro_local.engine.importing import store_quantized
from opro_local.engine.probe import Level
from opro_local.engine.profile import choose_device, choose_quantization
from opro_local.errors import DataError, ModelError
from opro_local.llm import ChoiceRequest, Engine, GenerationRequest, Message

USER = [Message("user", "Is it late?")]


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "mistral", "mistral")


def load(
    folder: Path, *, quantize: Quantize = "auto", level: Level | None = None, chat: bool | None = None
) -> LocalEngine:
    return load_engine(folder, digest="model:test", quantize=quantize, level=level, chat=chat)


def choices(engine: Engine, *answers: str) -> ChoiceRequest:
    context = engine.encode(USER)
    return ChoiceRequest(
        context=context, choices=tuple(engine.encode(USER, answer)[len(context) :] for answer in answers)
    )


def never(text: str) -> bool:
    return False


def asked(engine: Engine, max_tokens: int = 5) -> GenerationRequest:
    return GenerationRequest(prompt=engine.encode(USER), max_tokens=max_tokens, final=never)


def test_a_folder_becomes_an_engine_that_scores_writes_and_samples(mistral: Path) -> None:
    engine: Engine = load(mistral, quantize="fp32")
    assert (engine.digest, engine.numerics) == ("model:test", "float32/none/cpu/E3/eager")
    assert (engine.chat, engine.device, engine.context_length) == (True, "cpu", 16384)
    assert engine.tokens_run == 0
    (reply,) = engine.loglikelihood([choices(engine, "yes", "no")])
    assert len(reply.log_probs) == 2
    assert all(value < 0 for value in reply.log_probs)
    assert engine.generate([asked(engine)])[0].tokens <= 5
    samples = engine.sample(asked(engine), 3, temperature=1.0, seed=1)
    assert samples == engine.sample(asked(engine), 3, temperature=1.0, seed=1)
    assert engine.sample(asked(engine), 2, temperature=0.0, seed=1) == engine.generate([asked(engine)]) * 2
    assert engine.decode(engine.encode(USER)).endswith("Is it late?\nassistant\n")


def test_no_reuse_gives_the_same_answers(mistral: Path) -> None:
    shared, plain = load(mistral, quantize="fp32"), load(mistral, quantize="fp32", level="E0")
    assert (plain.level, plain.level_reason) == ("E0", "asked for")
    request = choices(shared, "yes", "yellow", "no")
    ours, oracle = (engine.loglikelihood([request])[0].log_probs for engine in (shared, plain))
    assert ours == pytest.approx(oracle, abs=1e-4)
    assert shared.generate([asked(shared)]) == plain.generate([asked(plain)])
    draws = [engine.sample(asked(engine), 2, temperature=0.7, seed=5) for engine in (shared, plain)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(("quantize", "tag"), [("nf4", "bfloat16/nf4"), ("int8", "bfloat16/int8")])
def test_quantised_weights_run_on_the_cpu(mistral: Path, quantize: Quantize, tag: str) -> None:
    engine = load(mistral, quantize=quantize)
    assert engine.numerics.startswith(f"{tag}/cpu/")
    (reply,) = engine.loglikelihood([choices(engine, "yes", "no")])
    assert all(map(math.isfinite, reply.log_probs))


def test_weights_that_are_stored_quantised_are_loaded_as_they_are(mistral: Path, tmp_path: Path) -> None:
    engine = load(mistral, quantize="nf4")
    store_quantized(mistral, tmp_path, "nf4")
    stored = load(tmp_path)
    assert stored.numerics == engine.numerics
    request = choices(engine, "yes", "no")
    assert stored.loglikelihood([request]) == engine.loglikelihood([request])
    with pytest.raises(ModelError, match="stored in nf4, not in int8"):
        load(tmp_path, quantize="int8")


def test_the_text_part_of_a_multimodal_model_is_loaded(tmp_path: Path) -> None:
    text = CONFIGS["gemma3"](LOADABLE)
    vision = SiglipVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28
    )
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    whole = Gemma3ForConditionalGeneration(config)
    whole.train(False)
    whole.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    engine = load(tmp_path, quantize="fp32")
    request = choices(engine, "y", "n")
    with torch.inference_mode():
        expected = whole(input_ids=torch.tensor([request.context])).logits[0, -1].log_softmax(-1)
    answers = [expected[choice[0]].item() for choice in request.choices]
    assert engine.loglikelihood([request])[0].log_probs == pytest.approx(answers, abs=1e-4)


def test_a_pre_trained_model_is_prompted_with_plain_text(tmp_path: Path) -> None:
    engine = load(save_tiny_model(tmp_path, "gpt2", chat=False), quantize="fp32")
    assert not engine.chat
    assert engine.decode(engine.encode(USER, " No", closed=True)) == "Is it late? No\n"
    with pytest.raises(ModelError, match="no chat template"):
        load(tmp_path, quantize="fp32", chat=True)


def test_a_chat_model_can_be_prompted_with_plain_text(mistral: Path) -> None:
    engine = load(mistral, quantize="fp32", chat=False)
    assert engine.decode(engine.encode(USER)) == "Is it late?"


def test_a_recurrent_model_runs_without_reuse(tmp_path: Path) -> None:
    engine = load(save_tiny_model(tmp_path, "mamba"), quantize="fp32")
    assert (engine.level, engine.level_reason[:8]) == ("E0", "no reuse")
    assert engine.generate([asked(engine, 3)])[0].ended in ("end", "length")


def test_what_is_longer_than_the_context_is_refused_with_both_lengths(mistral: Path) -> None:
    engine = load(mistral, quantize="fp32")
    long = ChoiceRequest(context=(5,) * 16384, choices=((1,), (2, 3)))
    with pytest.raises(DataError, match="has 16386 tokens; the model takes 16384"):
        engine.loglikelihood([long])
    request = GenerationRequest(prompt=(5,) * 16384, max_tokens=1, final=never)
    with pytest.raises(DataError, match="16385"):
        engine.generate([request])
    with pytest.raises(DataError, match="16385"):
        engine.sample(request, 2, temperature=1.0, seed=0)


def test_a_rope_that_changes_with_the_length_is_used_below_the_change(tmp_path: Path) -> None:
    save_tiny_model(tmp_path, "phi3")
    config = json.loads((tmp_path / "config.json").read_text())
    factors = [1.0] * 8
    config["original_max_position_embeddings"] = 256
    config["rope_parameters"] = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": factors,
        "long_factor": factors,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load(tmp_path, quantize="fp32").context_length == 256


def test_a_lost_tensor_is_not_replaced_by_random_numbers(tmp_path: Path) -> None:
    file = save_tiny_model(tmp_path, "llama") / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="1 tensor is missing from the weights"):
        load(tmp_path)


def test_a_torn_file_and_an_unknown_architecture_are_refused_in_one_line(tmp_path: Path) -> None:
    file = save_tiny_model(tmp_path, "llama") / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="cut off or damaged") as torn:
        load(tmp_path)
    file.write_bytes(whole)
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ModelError, match="cannot be loaded") as unknown:
        load(tmp_path)
    assert "\n" not in f"{torn.value}{unknown.value}"


def test_loading_writes_nothing_to_the_terminal(mistral: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(mistral, quantize="fp32")
    assert capfd.readouterr() == ("", "")


def test_grouped_attention_is_not_copied_on_the_cpu(mistral: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSFORMERS_SDPA_FORCE_GQA", raising=False)
    load(mistral, quantize="fp32")
    assert os.environ["TRANSFORMERS_SDPA_FORCE_GQA"] == "1"


@pytest.mark.parametrize(
    ("parameters", "device", "chosen"),
    [(3_000_000_000, "cuda", "nf4"), (1_500_000_000, "cuda", "bf16"), (7_000_000_000, "cpu", "bf16")],
)
def test_auto_suits_the_device_and_the_size(parameters: int, device: str, chosen: str) -> None:
    folder = ModelFolder(path=Path("m"), parameters=parameters, stored=None)
    assert choose_quantization(folder, "auto", torch.device(device)) == chosen
    assert choose_quantization(folder, "int8", torch.device(device)) == "int8"


@pytest.mark.parametrize(("capability", "chosen"), [({"avx512_bf16": True}, "bf16"), ({}, "fp32")])
def test_a_cpu_that_does_not_multiply_bf16_runs_small_models_in_fp32(
    monkeypatch: pytest.MonkeyPatch, capability: dict[str, bool], chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capability)
    folder = ModelFolder(path=Path("m"), parameters=135_000_000, stored=None)
    assert choose_quantization(folder, "auto", torch.device("cpu")) == chosen


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="'cuda:77' cannot be used"):
        choose_device("cuda:77")
    with pytest.raises(ModelError, match="'toaster' cannot be used"):
        choose_device("toaster")
