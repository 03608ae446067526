"""The engines of a run: all in memory together where that fits, else one at a time.

An engine that takes turns is whole to its callers: its tokenizer stays, its weights are read anew when it is
asked for numbers while another one has the memory. The store of prefixes goes with the weights.
"""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from opro_local.effort import EngineStats
from opro_local.engine.free_memory import free_bytes
from opro_local.engine.limits import Peaks
from opro_local.engine.local import LocalEngine, load_planned
from opro_local.engine.memory import MemoryPlan, plan_memory, plan_together, read_needs
from opro_local.engine.probe import Verdict
from opro_local.engine.profile import ModelProfile, Quantize, profile_folder
from opro_local.engine.texts import ModelTexts
from opro_local.llm import (
    ChoiceReply,
    ChoiceRequest,
    Engine,
    GenerationReply,
    GenerationRequest,
    Message,
    TokenIds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How models are to be held, see load_engine and LocalEngine.

    threads are a CPU's, torch's own choice if None; so many processes (share) divide the memory of a CPU.
    """

    quantize: Quantize
    device: str
    compiled: bool = False
    repeatable: bool = False
    threads: int | None = None
    share: int = 1


def load_engines(
    folders: Mapping[str, Path], options: LoadOptions
) -> tuple[dict[str, Engine], tuple[MemoryPlan, ...]]:
    """One engine a digest, and what was planned for each. Raises ModelError."""
    if options.threads:
        torch.set_num_threads(options.threads)
    profiles = {
        digest: profile_folder(path, quantize=options.quantize, device=options.device)
        for digest, path in folders.items()
    }
    needs = [read_needs(profile) for profile in profiles.values()]
    available = free_bytes(needs[0].device)
    if needs[0].device.type == "cpu":
        available //= options.share
    together = plan_together(needs, available)
    plans = together or [plan_memory(each, available) for each in needs]
    stage = None if together or len(needs) == 1 else WeightSlot()
    engines: dict[str, Engine] = {}
    for (digest, profile), plan in zip(profiles.items(), plans, strict=True):
        play = LoadPlan(profile=profile, plan=plan, digest=digest, options=options)
        engines[digest] = SwappedEngine(play, stage) if stage else play.load()
    return engines, tuple(plans)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """All that it takes to load a model, once or again."""

    profile: ModelProfile
    plan: MemoryPlan
    digest: str
    options: LoadOptions

    def load(self, verdict: Verdict | None = None) -> LocalEngine:
        """Read the weights; verdict is what was found of them before. Raises ModelError."""
        return LocalEngine(
            load_planned(self.profile, self.plan),
            digest=self.digest,
            level=verdict,
            compiled=self.options.compiled,
            budgets=self.plan.budgets,
            repeatable=self.options.repeatable,
        )


class WeightSlot:
    """Room for the weights of one engine."""

    def __init__(self) -> None:
        self._holder: SwappedEngine | None = None

    def clear_for(self, engine: "SwappedEngine") -> None:
        """Let the engine that has the room give up its weights, if it is another one."""
        if self._holder is not None and self._holder is not engine:
            self._holder.leave()
            gc.collect()  # an engine's parts know each other
            if torch.accelerator.is_available():
                torch.accelerator.empty_cache()
        self._holder = engine


class SwappedEngine:
    """Implements opro_local.llm.Engine; its weights are in memory only from its call to another one's."""

    def __init__(self, play: LoadPlan, stage: WeightSlot) -> None:
        self._play, self._stage = play, stage
        self._loaded: LocalEngine | None = None
        self._verdict: Verdict | None = None
        self._peaks: Peaks | None = None
        self._tokens_run = 0
        self._effort: EngineStats | None = None
        self._used = False  # since the weights were read
        engine = self._engine()  # what only a loaded model tells is asked for once
        self._verdict = engine.verdict
        self.digest, self.numerics, self.level = engine.digest, engine.numerics, engine.level
        self.chat, self.device, self.context_length = engine.chat, engine.device, engine.context_length
        self._texts = ModelTexts(play.profile.tokenizer, chat=self.chat)

    def leave(self) -> None:
        """Give up the weights; what was counted stays."""
        assert self._loaded is not None
        self._tokens_run, self._effort = self.tokens_run, self.effort() if self._used else self._effort
        self._peaks = self._loaded.peaks
        self._loaded, self._used = None, False

    @property
    def tokens_run(self) -> int:
        return self._tokens_run + (self._loaded.tokens_run if self._loaded else 0)

    def effort(self) -> EngineStats:
        """See Engine.effort."""
        past = self._effort
        if past is not None and not self._used:
            return past
        now = self._engine().effort()
        return now if past is None else past + now

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        """See Engine.encode."""
        return self.encode_each(messages, [prefill], closed=closed)[0]

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        """See Engine.encode_each."""
        return self._texts.encode_each(messages, prefills, closed=closed)

    def decode(self, ids: Sequence[int]) -> str:
        """See Engine.decode."""
        return self._texts.decode(ids)

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """See Engine.loglikelihood."""
        return self._engine_used().loglikelihood(requests)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        """See Engine.generate."""
        return self._engine_used().generate(requests)

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        """See Engine.sample."""
        return self._engine_used().sample(request, n, temperature=temperature, seed=seed)

    def _engine_used(self) -> LocalEngine:
        engine = self._engine()
        self._used = True
        return engine

    def _engine(self) -> LocalEngine:
        self._stage.clear_for(self)
        if self._loaded is None:
            self._loaded = self._play.load(self._verdict)
            self._loaded.peaks = self._peaks
        return self._loaded
