"""The engine's greedy answers and samples against transformers' generate, turn about in one process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.deadline import Deadline, TooSlow
from opro_local.config import Quantize
from opro_local.engine.loading import load_folder
from opro_local.engine.local import LocalEngine
from opro_local.llm import GenerationRequest, Message, TokenIds

PEER_BATCH = 32
STOP = "\n"
META_PROMPT_TOKENS = 1500
SAMPLES = 8
SAMPLE_TOKENS = 64

INSTRUCTIONS = (
    "Add the numbers.",
    "Work out the sum and write only the result.",
    "Give the total of the two numbers below, as digits, with nothing before it and nothing behind it.",
    "Sum?",
)
SOLVED = "".join(f"{a} apples and {b} apples are {a + b} apples.\n" for a, b in ((2, 3), (11, 7), (20, 22)))

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many prompts, and how long an answer may be."""

    instructions: int
    questions: int
    new_tokens: int


def measure(
    folder: Path, quantize: Quantize, sizes: Sizes, *, repeat: int, seconds: float | None = None
) -> Iterator[Row]:
    """All workloads; equal tells if the tokens are the same as the peer's.

    A contestant that has used its seconds for a workload takes no further turn; a peer that takes more is cut
    off, and then cut_off is true, its seconds and the ratio are at least what they say, and equal is None.
    """
    loaded = load_folder(folder, quantize=quantize, device="auto")
    engine = LocalEngine(loaded, digest="bench")
    peer = Peer(model=loaded.model, tokenizer=loaded.tokenizer)
    turns = Turns(repeat=repeat, seconds=seconds)
    for name, after in (("instruction first", False), ("instruction last", True)):
        yield _answers(engine, peer, name, prompts(engine, sizes, after=after), sizes.new_tokens, turns)
    yield _samples(engine, peer, turns)


def prompts(engine: LocalEngine, sizes: Sizes, *, after: bool) -> list[TokenIds]:
    """Every instruction with every question."""
    instructions = [f"{INSTRUCTIONS[i % len(INSTRUCTIONS)]} ({i})" for i in range(sizes.instructions)]
    questions = [
        f"{SOLVED}{3 * i} apples and {7 + i} apples are how many apples?" for i in range(sizes.questions)
    ]
    return [
        engine.encode([Message("user", f"{q}\n{i}" if after else f"{i}\n{q}")])
        for i in instructions
        for q in questions
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """transformers' generate: batches of 32 sorted by length, padded on the left."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def answers(self, asked: Sequence[TokenIds], new_tokens: int, deadline: Deadline) -> list[TokenIds]:
        order = sorted(range(len(asked)), key=lambda i: len(asked[i]))
        found: dict[int, TokenIds] = {}
        for first in range(0, len(order), PEER_BATCH):
            batch = order[first : first + PEER_BATCH]
            found |= zip(batch, self._batch([asked[i] for i in batch], new_tokens, deadline), strict=True)
        return [found[i] for i in range(len(asked))]

    def samples(
        self, prompt: TokenIds, count: int, new_tokens: int, deadline: Deadline, *, cache: str = "dynamic"
    ) -> list[TokenIds]:
        """All of them new_tokens long; a static cache lets generate compile its steps."""
        return self._generated(
            [prompt] * count,
            deadline,
            do_sample=True,
            min_new_tokens=new_tokens,
            max_new_tokens=new_tokens,
            cache_implementation=cache if cache != "dynamic" else None,
        )

    def _batch(self, asked: Sequence[TokenIds], new_tokens: int, deadline: Deadline) -> list[TokenIds]:
        return self._generated(
            asked,
            deadline,
            do_sample=False,
            max_new_tokens=new_tokens,
            stop_strings=[STOP],
            tokenizer=self.tokenizer,
        )

    def _generated(self, asked: Sequence[TokenIds], deadline: Deadline, **options: object) -> list[TokenIds]:
        """generate ends itself when the time is up, behind the step that it is in."""
        width = max(map(len, asked))
        pad = self.tokenizer.pad_token_id or 0
        rows = [[pad] * (width - len(ids)) + list(ids) for ids in asked]
        present = [[0] * (width - len(ids)) + [1] * len(ids) for ids in asked]
        with torch.inference_mode():
            result = self.model.generate(  # type: ignore[operator]
                torch.tensor(rows, device=self.model.device),
                attention_mask=torch.tensor(present, device=self.model.device),
                pad_token_id=pad,
                max_time=deadline.left,
                **options,
            )
        deadline.check()
        return [tuple(row) for row in result[:, width:].tolist()]


def _answers(
    engine: LocalEngine, peer: Peer, name: str, asked: Sequence[TokenIds], new_tokens: int, turns: "Turns"
) -> Row:
    requests = [
        GenerationRequest(prompt=ids, max_tokens=new_tokens, final=lambda text: STOP in text) for ids in asked
    ]

    def ours(_: Deadline) -> list[TokenIds]:
        engine.forget()
        return [reply.ids for reply in engine.generate(requests)]

    mine, theirs = turns.about(ours, lambda deadline: peer.answers(asked, new_tokens, deadline))
    pairs = zip(mine.found, theirs.found, strict=True) if theirs.found else ()
    equal = sum(other[: len(own)] == own for own, other in pairs)
    return {
        "workload": name,
        "prompts": len(asked),
        **_against("transformers generate", mine, theirs),
        "equal": None if theirs.cut_off else f"{equal}/{len(asked)}",
    }


def _samples(engine: LocalEngine, peer: Peer, turns: "Turns") -> Row:
    """Samples from one prefilled prompt; generate reads it for each of them."""
    prompt = meta_prompt(engine)

    def ours(_: Deadline) -> list[TokenIds]:
        return drawn(engine, prompt, SAMPLES, SAMPLE_TOKENS)

    mine, theirs = turns.about(ours, lambda deadline: peer.samples(prompt, SAMPLES, SAMPLE_TOKENS, deadline))
    before = engine.work.tokens_run
    generated = sum(map(len, drawn(engine, prompt, SAMPLES, SAMPLE_TOKENS)))
    return {
        "workload": "samples",
        "prompts": 1,
        **_against("transformers generate", mine, theirs),
        "equal": None,  # draws of its own
        "prompt_tokens": len(prompt),
        "tokens_run": engine.work.tokens_run - before,
        "tokens_generated": generated,
    }


def meta_prompt(engine: LocalEngine) -> TokenIds:
    """As long as those of a search."""
    text = "An instruction, and how well it did in the last test of many. " * META_PROMPT_TOKENS
    return engine.encode([Message("user", text)])[:META_PROMPT_TOKENS]


def drawn(engine: LocalEngine, prompt: TokenIds, count: int, new_tokens: int) -> list[TokenIds]:
    """Samples of the engine, nothing kept from earlier ones; one may end before new_tokens."""
    engine.forget()
    request = GenerationRequest(prompt=prompt, max_tokens=new_tokens, final=lambda _: False)
    return [reply.ids for reply in engine.sample(request, count, temperature=1.0, seed=0)]


def _against(name: str, mine: "Turn", theirs: "Turn") -> Row:
    return {
        "seconds": mine.seconds,
        "peer": name,
        "peer_seconds": theirs.seconds,
        "ratio": theirs.seconds / mine.seconds,
        "cut_off": theirs.cut_off,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Median seconds and the last result of a contestant; of one that was cut off how long it had run."""

    seconds: float
    found: list[TokenIds]
    cut_off: bool = False


Work = Callable[[Deadline], list[TokenIds]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """So many turns behind one that warms up, as far as a contestant's seconds go."""

    repeat: int
    seconds: float | None

    def about(self, *contestants: Work) -> list[Turn]:
        """Turn about."""
        taken: list[list[tuple[float, list[TokenIds]]]] = [[] for _ in contestants]
        left = [self.seconds for _ in contestants]
        cut: dict[int, float] = {}
        for _ in range(self.repeat + 1):
            for i, work in enumerate(contestants):
                if i in cut or (len(taken[i]) > 1 and left[i] == 0):
                    continue
                deadline = Deadline.after(left[i])
                try:
                    found = work(deadline)
                    taken[i].append((perf_counter() - deadline.begun, found))
                except TooSlow as slow:
                    cut[i] = slow.seconds
                left[i] = deadline.left
        return [_turn(turns, cut.get(i)) for i, turns in enumerate(taken)]


def _turn(turns: Sequence[tuple[float, list[TokenIds]]], cut: float | None) -> Turn:
    """A warm-up counts where there is nothing behind it."""
    if not turns:
        assert cut is not None
        return Turn(seconds=cut, found=[], cut_off=True)
    return Turn(seconds=median(seconds for seconds, _ in turns[1:] or turns), found=turns[-1][1])
