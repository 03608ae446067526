"""Every engine that is to keep the contract of opro_local.llm.Engine: the fake ones and the real ones.

An engine is built anew for each test where that costs nothing, else once a session.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crews import PickledCrew
from real_engines import real_engine
from tiny_models import VOCABULARY, Size, byte_tokenizer, save_tiny_model

from opro_local.engine import load_engine, memory, swapping
from opro_local.engine.local import LocalEngine
from opro_local.engine.probe import Level
from opro_local.engine.profile import profile_folder
from opro_local.engine.swapping import LoadOptions, load_engines
from opro_local.engine.texts import texts_of_folder
from opro_local.llm import ChoiceRequest, Engine
from opro_local.testing import ScriptedEngine
from opro_local.workers.holder import Opened
from opro_local.workers.pool import Pool
from opro_local.workers.spread import SpreadEngine

CONTEXT = 256
"""Tokens that the small ones take, so that a test can use all of them."""
SMALL = Size(vocabulary=VOCABULARY, hidden=64, heads=4, context=CONTEXT)
DRAWS = 6
"""Replies that the tests ask for at a time."""

FAKE = ("scripted-chat", "scripted-plain")
TINY = ("tiny-chat", "tiny-plain", "tiny-E0", "tiny-recurrent", "tiny-taking-turns", "tiny-spread")
REAL = ("smollm2", "gemma")
OF_REAL_MODELS = [pytest.param(name, marks=pytest.mark.slow, id=f"{name}-of-real_models") for name in REAL]
"""Their ids put them beside the other tests that have these models loaded (longest_together.py)."""
ENGINES = [*FAKE, *TINY, OF_REAL_MODELS[0]]
"""Of the real ones the quicker; what is Gemma's own is held to the model itself in tests/engine."""


class Engines:
    """Builds them by name; folder is where the small models are written."""

    def __init__(self, folder: Path, real: Callable[[str], Path]) -> None:
        self._folder, self._real = folder, real
        self._built: dict[str, Engine] = {}

    def __call__(self, name: str) -> Engine:
        if name in FAKE:
            return scripted(chat=name == "scripted-chat")
        if name not in self._built:
            own = {"tiny-taking-turns": self._taking_turns, "tiny-spread": self._spread}
            self._built[name] = own[name]() if name in own else self._local(name)
        if name == "tiny-taking-turns":
            self._other.loglikelihood([ChoiceRequest(context=(1,), choices=((2,),))])  # has the memory now
        return self._built[name]

    def _local(self, name: str) -> LocalEngine:
        if name in REAL:
            folder = self._real("gemma-3-270m" if name == "gemma" else "smollm2-135m")
            return real_engine(folder)
        architecture = {"tiny-plain": "gpt2", "tiny-recurrent": "mamba"}.get(name, "llama")
        folder = self._small(architecture, chat=name != "tiny-plain")
        level: Level | None = "E0" if name == "tiny-E0" else None
        return load_engine(folder, digest=name, quantize="fp32", level=level)

    def _small(self, architecture: str, *, chat: bool) -> Path:
        folder = self._folder / f"{architecture}-{chat}"
        if folder.exists():
            return folder
        save_tiny_model(folder, architecture, chat=chat, seed=4, size=SMALL)
        tokenizer = byte_tokenizer(chat=chat)
        tokenizer.model_max_length = CONTEXT  # a recurrent model has no other limit
        tokenizer.save_pretrained(folder)
        return folder

    def _spread(self) -> Engine:
        folder = self._small("llama", chat=True)
        options = LoadOptions(quantize="fp32", device="cpu", repeatable=True)

        def opened() -> Opened:
            engines, _ = load_engines({"spread": folder}, options)
            return Opened(engines=engines, place="here", hardware="a processor")

        pool = Pool(PickledCrew(opened))
        about, _other = pool.begin()
        told = about.models["spread"]
        return SpreadEngine("spread", told, texts_of_folder(folder, chat=told.chat), pool)

    def _taking_turns(self) -> Engine:
        folders = {"one": self._small("mistral", chat=True), "two": self._small("gpt2", chat=True)}
        with _room_for_one(folders):
            engines, _ = load_engines(folders, LoadOptions(quantize="fp32", device="cpu"))
        self._other = engines["two"]
        return engines["one"]


@contextmanager
def _room_for_one(folders: dict[str, Path]) -> Iterator[None]:
    profiles = [profile_folder(path, quantize="fp32", device="cpu") for path in folders.values()]
    room = max(memory.read_needs(profile).room(memory.LEAST_TOKENS) for profile in profiles) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swapping, "free_bytes", lambda _: room)
        yield


def scripted(*, chat: bool) -> ScriptedEngine:
    """One that has something to say to everything: likelier is what is shorter."""
    return ScriptedEngine(
        log_prob=lambda text: -0.01 * len(text),
        reply=lambda text: f"As to {text[-5:]!r}: wait.",
        samples=[[f"draw {i}: {'na ' * 2 * i}" for i in range(k, k + DRAWS)] for k in range(4)],
        chat=chat,
        context_length=CONTEXT,
    )
