"""The engine that the rest of the program talks to: one model in this process, as an Engine of llm.py."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from opro_local.effort import EngineStats
from opro_local.engine.allocator import keep_freed_buffers, return_freed_buffers
from opro_local.engine.capture import cuda_graph
from opro_local.engine.constraints import Constraints
from opro_local.engine.decode import Decoder, steps_ahead
from opro_local.engine.forward import Body
from opro_local.engine.free_memory import free_bytes
from opro_local.engine.generation import Sampling, SharedGeneration, WholeGeneration
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.limits import Peaks
from opro_local.engine.loading import Loaded, load_weights
from opro_local.engine.memory import Budgets, MemoryPlan, plan_memory, read_needs, usual_budgets
from opro_local.engine.meter import Meter, Score
from opro_local.engine.offload import spread_layers
from opro_local.engine.packing import multiplied
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import Prefixes, RepeatablePrefixes, StoredPrefixes
from opro_local.engine.probe import Level, Verdict, check_head, choose_level, compile_layers, record_steps
from opro_local.engine.profile import ModelProfile, Quantize, load_tokenizer, profile_folder
from opro_local.engine.texts import ModelTexts
from opro_local.engine.work import Work
from opro_local.errors import DataError
from opro_local.llm import (
    ChoiceReply,
    ChoiceRequest,
    GenerationReply,
    GenerationRequest,
    Message,
    TokenIds,
)


def load_engine(
    folder: Path,
    *,
    digest: str,
    quantize: Quantize = "auto",
    device: str = "auto",
    chat: bool | None = None,
    level: Level | None = None,
    compiled: bool = False,
) -> "LocalEngine":
    """Load a model folder and find out how far its prompts can share work.

    chat None means: if the tokenizer has a chat template. level None means: the highest that holds on this
    model. compiled takes half a minute and makes long runs faster, see compiling. Raises ModelError.
    """
    profile = profile_folder(folder, quantize=quantize, device=device)
    plan = plan_memory(read_needs(profile), free_bytes(profile.device))
    return LocalEngine(
        load_planned(profile, plan),
        digest=digest,
        chat=chat,
        level=level,
        compiled=compiled,
        budgets=plan.budgets,
    )


def load_planned(profile: ModelProfile, plan: MemoryPlan) -> Loaded:
    """Read the weights of a model that was planned for. Raises ModelError."""
    return_freed_buffers()
    loaded = load_weights(profile, spread=spread_layers(profile, plan) if plan.spread else None)
    keep_freed_buffers()
    return loaded


def token_counter(folder: Path) -> Callable[[str], int]:
    """A function that counts the tokens of a text as the model in folder does. Raises ModelError."""
    tokenizer = load_tokenizer(folder)
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


class LocalEngine:
    """Implements opro_local.llm.Engine. level and level_reason tell how far prompts share work, and why.

    repeatable makes the numbers of a call depend on nothing but its requests, not on earlier calls. level may
    be the verdict of an engine that had the same weights in this process: it is not proved again.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        digest: str,
        chat: bool | None = None,
        level: Level | Verdict | None = None,
        compiled: bool = False,
        budgets: Budgets | None = None,
        repeatable: bool = False,
    ) -> None:
        model, tokenizer = loaded.model, loaded.tokenizer
        self._work = Work()
        body, head = Body(model, self._work), read_head(model, self._work)
        budgets = budgets or usual_budgets(body.device)
        self._body, self._head = body, head
        whole = WholeLikelihood(body=body, head=head, token_budget=budgets.tokens)
        with torch.inference_mode():
            check_head(model, body, head)
            verdict = choose_level(whole, level)
            if compiled:
                compile_layers(whole, verdict)
            if body.device.type == "cuda":
                record_steps(whole, verdict, cuda_graph)
        self._work.clear()  # the probe is not part of anybody's work
        self._store = PrefixStore(budgets.kv_bytes)
        kinds = body.kinds if verdict.reuse else None
        self._meter = Meter(model, work=self._work, store=self._store, kinds=kinds)
        self.chat = tokenizer.chat_template is not None if chat is None else chat
        self._texts = ModelTexts(tokenizer, chat=self.chat)
        ends = _end_ids(model.generation_config, tokenizer) | self._texts.turn_end()
        decoder = Decoder(
            head=head,
            ends=frozenset(ends),
            text=self.decode,
            ahead=steps_ahead(body.device),
            constraints=Constraints(tokenizer=tokenizer, vocabulary=head.vocabulary, ends=frozenset(ends)),
        )
        self._score: Score = whole
        self._generation: WholeGeneration | SharedGeneration
        if verdict.reuse:
            kind = RepeatablePrefixes if repeatable else StoredPrefixes
            prefixes: Prefixes = kind(reuse=verdict.reuse, store=self._store)
            self._score = SharedLikelihood(head=head, prefixes=prefixes)
            self._generation = SharedGeneration(body=body, decoder=decoder, prefixes=prefixes)
        else:
            self._generation = WholeGeneration(body=body, decoder=decoder, token_budget=budgets.tokens)
        self.digest = digest
        self.verdict = replace(verdict, reuse=None)  # without the weights that a way to reuse holds on to
        self.level, self.level_reason = verdict.level, verdict.reason
        self.device = body.device.type
        dtype = str(model.dtype).removeprefix("torch.")
        recorded = "recorded" if body.record else None
        lines = _line_text(body.device, budgets.tokens) if repeatable else None
        ways = ["compiled" if body.compiled else "eager", recorded, multiplied(model), lines]
        kernels = "+".join(way for way in ways if way)
        self.numerics = f"{dtype}/{loaded.quantize}/{self.device}/{self.level}/{kernels}"
        self.context_length = _context_length(model.config.get_text_config(), tokenizer)

    @property
    def tokens_run(self) -> int:
        return self._work.tokens_run

    @property
    def peaks(self) -> Peaks | None:
        """What the machine can do at best, where an effort was asked for or another engine has told."""
        return self._meter.peaks

    @peaks.setter
    def peaks(self, known: Peaks | None) -> None:
        self._meter.peaks = known

    @property
    def work(self) -> Work:
        """What went through the model so far."""
        return replace(self._work)

    def forget(self) -> None:
        """Empty the store of prefixes, as if nothing had been scored yet."""
        self._store.clear()

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        """See Engine.encode. Raises ModelError if the chat template does not take the turns."""
        return self._texts.encode(messages, prefill, closed=closed)

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        """See Engine.encode_each. Raises ModelError as encode does."""
        return self._texts.encode_each(messages, prefills, closed=closed)

    def decode(self, ids: Sequence[int]) -> str:
        """See Engine.decode."""
        return self._texts.decode(ids)

    def loglikelihood(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """See Engine.loglikelihood. Raises DataError if a request is longer than the context."""
        self._check_lengths(
            len(request.context) + max(map(len, request.choices), default=0) for request in requests
        )
        with torch.inference_mode():
            return self._meter.run(self._score, requests)

    def effort(self) -> EngineStats:
        """See Engine.effort."""
        return self._meter.effort(self.level)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
        """See Engine.generate. Raises DataError if a prompt with its reply is longer than the context."""
        self._check_lengths(len(request.prompt) + request.max_tokens for request in requests)
        with torch.inference_mode():
            return self._meter.decode(lambda: self._generation.greedy(requests), requests)

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        """See Engine.sample. Raises DataError as generate does."""
        assert n >= 0 and temperature >= 0
        if n == 0:
            return []
        if temperature == 0:
            return self.generate([request]) * n
        self._check_lengths([len(request.prompt) + request.max_tokens])
        sampling = Sampling(n=n, temperature=temperature, seed=seed)
        with torch.inference_mode():
            return self._meter.decode(lambda: self._generation.sample(request, sampling), [request] * n)

    def _check_lengths(self, lengths: Iterable[int]) -> None:
        longest = max(lengths, default=0)
        if longest > self.context_length:
            raise DataError(
                f"A prompt with its answer has {longest} tokens; the model takes {self.context_length}."
                " Shorten the texts or choose a model with a longer context."
            )


def _line_text(device: torch.device, tokens: int) -> str:
    """What else the last bits of a repeatable call depend on: the cut of its lines, the threads of a CPU."""
    threads = f"x{torch.get_num_threads()}" if device.type == "cpu" else ""
    return f"lines{tokens}{threads}"


def _end_ids(generation_config: object, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids that end a text, by the model's generation settings and by its tokenizer."""
    own = getattr(generation_config, "eos_token_id", None)
    listed = own if isinstance(own, list) else [own]
    return {end for end in [*listed, tokenizer.eos_token_id] if isinstance(end, int)}


def _context_length(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """The tokens that the model was built for; a recurrent model has the tokenizer's limit, if any.

    A RoPE that changes its frequencies with the length is used below that change only: beyond it a prompt's
    cached prefix would belong to other frequencies.
    """
    limit = int(getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length)
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        return min(limit, int(rope.get("original_max_position_embeddings") or limit))
    return limit
