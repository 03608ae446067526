"""The engine's greedy answers and samples against transformers' generate, turn about in one process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

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


def measure(folder: Path, quantize: Quantize, sizes: Sizes, *, repeat: int) -> list[Row]:
    """All workloads; equal tells if the tokens are the same as the peer's."""
    loaded = load_folder(folder, quantize=quantize, device="auto")
    engine = LocalEngine(loaded, digest="bench")
    peer = Peer(model=loaded.model, tokenizer=loaded.tokenizer)
    answers = [
        _answers(engine, peer, name, prompts(engine, sizes, after=after), sizes.new_tokens, repeat)
        for name, after in (("instruction first", False), ("instruction last", True))
    ]
    return [*answers, _samples(engine, repeat)]


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

    def answers(self, asked: Sequence[TokenIds], new_tokens: int) -> list[TokenIds]:
        order = sorted(range(len(asked)), key=lambda i: len(asked[i]))
        found: dict[int, TokenIds] = {}
        for first in range(0, len(order), PEER_BATCH):
            batch = order[first : first + PEER_BATCH]
            found |= zip(batch, self._batch([asked[i] for i in batch], new_tokens), strict=True)
        return [found[i] for i in range(len(asked))]

    def _batch(self, asked: Sequence[TokenIds], new_tokens: int) -> list[TokenIds]:
        width = max(map(len, asked))
        pad = self.tokenizer.pad_token_id or 0
        with torch.inference_mode():
            result = self.model.generate(  # type: ignore[operator]
                torch.tensor(
                    [[pad] * (width - len(ids)) + list(ids) for ids in asked], device=self.model.device
                ),
                attention_mask=torch.tensor(
                    [[0] * (width - len(ids)) + [1] * len(ids) for ids in asked], device=self.model.device
                ),
                do_sample=False,
                max_new_tokens=new_tokens,
                stop_strings=[STOP],
                tokenizer=self.tokenizer,
                pad_token_id=pad,
            )
        return [tuple(row) for row in result[:, width:].tolist()]


def _answers(
    engine: LocalEngine, peer: Peer, name: str, asked: Sequence[TokenIds], new_tokens: int, repeat: int
) -> Row:
    requests = [
        GenerationRequest(prompt=ids, max_tokens=new_tokens, final=lambda text: STOP in text) for ids in asked
    ]

    def ours() -> list[TokenIds]:
        engine.forget()
        return [reply.ids for reply in engine.generate(requests)]

    seconds, replies = _turn_about({"ours": ours, "peer": lambda: peer.answers(asked, new_tokens)}, repeat)
    equal = sum(theirs[: len(mine)] == mine for mine, theirs in zip(*replies.values(), strict=True))
    return {
        "workload": name,
        "prompts": len(asked),
        "seconds": seconds["ours"],
        "peer": "transformers generate",
        "peer_seconds": seconds["peer"],
        "ratio": seconds["peer"] / seconds["ours"],
        "equal": f"{equal}/{len(asked)}",
    }


def _samples(engine: LocalEngine, repeat: int) -> Row:
    """Samples from one prefilled prompt against as many single ones."""
    text = "An instruction, and how well it did in the last test of many. " * META_PROMPT_TOKENS
    prompt = engine.encode([Message("user", text)])[:META_PROMPT_TOKENS]
    request = GenerationRequest(prompt=prompt, max_tokens=SAMPLE_TOKENS, final=lambda _: False)

    def together() -> list[TokenIds]:
        engine.forget()
        return [reply.ids for reply in engine.sample(request, SAMPLES, temperature=1.0, seed=0)]

    def one_by_one() -> list[TokenIds]:
        found = []
        for seed in range(SAMPLES):
            engine.forget()
            found += [reply.ids for reply in engine.sample(request, 1, temperature=1.0, seed=seed)]
        return found

    seconds, replies = _turn_about({"ours": together, "peer": one_by_one}, repeat)
    before = engine.work.tokens_run
    generated = sum(len(ids) for ids in together())
    return {
        "workload": "samples",
        "prompts": 1,
        "seconds": seconds["ours"],
        "peer": "single samples",
        "peer_seconds": seconds["peer"],
        "ratio": seconds["peer"] / seconds["ours"],
        "equal": f"{int(replies['ours'][0] == replies['peer'][0])}/1",
        "prompt_tokens": len(prompt),
        "tokens_run": engine.work.tokens_run - before,
        "tokens_generated": generated,
    }


def _turn_about(
    contestants: dict[str, Callable[[], list[TokenIds]]], repeat: int
) -> tuple[dict[str, float], dict[str, list[TokenIds]]]:
    """Median seconds and the last result of each, after one turn that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    results: dict[str, list[TokenIds]] = {}
    for _ in range(repeat + 1):
        for name, work in contestants.items():
            start = perf_counter()
            results[name] = work()
            seconds[name].append(perf_counter() - start)
    return {name: median(each[1:]) for name, each in seconds.items()}, results
