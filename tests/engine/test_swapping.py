"""Two models that do not fit together take turns in memory and answer as if both were there."""

import gc
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tiny_models import save_tiny_model
from transformers import PreTrainedModel

from opro_local.engine import local, memory, meter, probe, swapping
from opro_local.engine.loading import Loaded, Place, load_weights
from opro_local.engine.profile import ModelProfile, profile_folder
from opro_local.engine.swapping import LoadOptions, SwappedEngine, load_engines
from opro_local.llm import ChoiceRequest, Engine, GenerationRequest, Message

HOLDING = LoadOptions(quantize="fp32", device="cpu")
SCORING = [ChoiceRequest(context=(*range(20, 40), i), choices=((50, 51), (52,))) for i in range(60, 70)]
WRITING = GenerationRequest(prompt=tuple(range(20, 30)), max_tokens=4, final=lambda _: False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    names = {"one": "llama", "two": "gpt2"}
    return {digest: save_tiny_model(place / digest, name, seed=1) for digest, name in names.items()}


class Loads:
    """Counts how many models are alive whenever weights are to be read."""

    def __init__(self) -> None:
        self._load = load_weights
        self._models: list[weakref.ref[PreTrainedModel]] = []
        self.alive: list[int] = []

    def __call__(self, profile: ModelProfile, *, spread: Mapping[str, Place] | None = None) -> Loaded:
        self.alive.append(sum(model() is not None for model in self._models))
        loaded = self._load(profile, spread=spread)
        self._models.append(weakref.ref(loaded.model))
        return loaded


class Calls:
    """Counts the calls of a function of a module."""

    def __init__(self, patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
        self._function, self.count = getattr(module, name), 0
        patch.setattr(module, name, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.count += 1
        return self._function(*arguments, **named)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    gc.collect()
    counted = Loads()
    monkeypatch.setattr(local, "load_weights", counted)
    return counted


def room_for_one(folders: Mapping[str, Path]) -> int:
    profiles = (profile_folder(path, quantize="fp32", device="cpu") for path in folders.values())
    return max(memory.read_needs(profile).room(memory.LEAST_TOKENS) for profile in profiles) + 1


def numbers(engines: Mapping[str, Engine]) -> list[object]:
    """What a run asks of both, each more than once."""
    return [
        (
            engine.loglikelihood(SCORING),
            engine.generate([WRITING]),
            engine.sample(WRITING, 2, temperature=1.0, seed=3),
        )
        for engine in [*engines.values(), *engines.values()]
    ]


def counted(engine: Engine) -> tuple[int, int]:
    effort = engine.effort()
    return effort.requests, effort.decoded_tokens


@pytest.mark.slow
def test_never_two_are_in_memory_and_the_numbers_are_those_of_both(
    folders: dict[str, Path], loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, _ = load_engines(folders, HOLDING)
    assert loads.alive == [0, 1]
    expected = numbers(together)
    effort = {digest: counted(engine) for digest, engine in together.items()}
    tokens = {digest: engine.tokens_run for digest, engine in together.items()}
    del together
    gc.collect()

    monkeypatch.setattr(swapping, "free_bytes", lambda _: room_for_one(folders))
    loads.alive.clear()
    apart, _ = load_engines(folders, HOLDING)
    assert numbers(apart) == expected
    assert loads.alive == [0] * 6  # both once to begin with, and then once a turn
    assert {digest: counted(engine) for digest, engine in apart.items()} == effort
    assert all(engine.tokens_run >= tokens[digest] for digest, engine in apart.items())


def test_texts_become_tokens_without_weights(
    folders: dict[str, Path], loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapping, "free_bytes", lambda _: room_for_one(folders))
    apart, _ = load_engines(folders, HOLDING)
    begun = len(loads.alive)
    for engine in apart.values():
        assert isinstance(engine, SwappedEngine)
        ids = engine.encode([Message("user", "hello")], "a")
        assert "hello" in engine.decode(ids)
    assert len(loads.alive) == begun


def test_one_model_is_loaded_once_and_stays(folders: dict[str, Path], loads: Loads) -> None:
    engines, plans = load_engines({"one": folders["one"]}, HOLDING)
    engines["one"].loglikelihood(SCORING)
    assert (len(loads.alive), len(plans)) == (1, 1)


def test_what_was_found_of_weights_is_found_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    proved, measured = (Calls(monkeypatch, *named) for named in ((probe, "_holds"), (meter, "measure_peaks")))
    monkeypatch.setattr(swapping, "free_bytes", lambda _: room_for_one(folders))
    apart, _ = load_engines(folders, HOLDING)
    assert proved.count == len(apart)
    for _ in range(3):
        for engine in apart.values():
            engine.loglikelihood(SCORING)
    assert {engine.effort().level for engine in apart.values()} == {"E3"}
    assert (proved.count, measured.count) == (len(apart), len(apart))
