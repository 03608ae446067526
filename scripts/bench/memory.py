"""The peak of one model beside its plan, and random models of shapes that no stored model has.

The model libraries are imported in functions: the parent of the measured processes stays small, because on
Linux a child's peak begins with its parent's.
"""

import random
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opro_local.config import Quantize
from opro_local.llm import ChoiceRequest
from opro_local.offline import close_network

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

STORE_BYTES = 32 * 2**20
QUESTION_TOKENS = 56
INSTRUCTION_TOKENS = 200
VOCABULARY = 8192

MADE_UP: tuple[tuple[str, Quantize], ...] = (
    ("wide-llama", "fp32"),
    ("deep-qwen3", "fp32"),
    ("large-vocabulary-gpt2", "fp32"),
)
"""Random models, in the dtype in which they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Bytes: as planned, and as measured."""

    name: str
    planned: int
    measured: int

    @property
    def error(self) -> float:
        return self.planned / self.measured - 1


def measure_peak(folder: Path, *, quantize: Quantize, device: str) -> Peak:
    """Plan, load and score in this process, which must be fresh."""
    close_network()
    from opro_local.engine.free_memory import free_bytes
    from opro_local.engine.local import LocalEngine, load_planned
    from opro_local.engine.memory import plan_memory, read_needs
    from opro_local.engine.profile import profile_folder

    profile = profile_folder(folder, quantize=quantize, device=device)
    plan = plan_memory(read_needs(profile), free_bytes(profile.device))
    plan = replace(plan, budgets=replace(plan.budgets, kv_bytes=min(plan.budgets.kv_bytes, STORE_BYTES)))
    engine = LocalEngine(load_planned(profile, plan), digest="bench", budgets=plan.budgets)
    for requests in _workload(plan.budgets.tokens, engine.context_length):
        engine.loglikelihood(requests)
    return Peak(
        name=f"{folder.name} {quantize}", planned=plan.peak, measured=_peak_bytes(profile.device.type)
    )


def _workload(tokens: int, context: int) -> Iterator[list[ChoiceRequest]]:
    """A line full of short rows behind a prefix, then two prompts of full length that share all but a bit."""
    draw = random.Random(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(draw.randrange(VOCABULARY) for _ in range(count))

    def request(prefix: tuple[int, ...], length: int) -> ChoiceRequest:
        return ChoiceRequest(context=prefix + ids(length), choices=(ids(2), ids(2), ids(1)))

    instruction = ids(INSTRUCTION_TOKENS)
    yield [request(instruction, QUESTION_TOKENS) for _ in range(tokens // QUESTION_TOKENS)]
    prompt = ids(min(tokens, context) - 16)
    yield [request(prompt, 8) for _ in range(2)]


def _peak_bytes(device: str) -> int:
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kilobytes on Linux


def make_model(name: str, folder: Path) -> Path:
    """Write a random model in fp32 with a tokenizer of numbers."""
    close_network()
    import torch
    from tokenizers import Tokenizer, models
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        _configs()[name](), dtype=torch.float32
    )
    model.save_pretrained(folder)
    words = {str(number): number for number in range(VOCABULARY)}
    backend = Tokenizer(models.WordLevel(words, unk_token="0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="0")  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)
    return folder


def _configs() -> dict[str, Callable[[], "PretrainedConfig"]]:
    """Few wide layers without shared key heads; many narrow ones; most weights in the vocabulary."""
    from transformers import GPT2Config, LlamaConfig, Qwen3Config

    return {
        "wide-llama": lambda: LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=1536,
            intermediate_size=6144,
            num_hidden_layers=3,
            num_attention_heads=16,
            max_position_embeddings=4096,
        ),
        "deep-qwen3": lambda: Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=48,
            num_attention_heads=8,
            num_key_value_heads=2,
            head_dim=64,
            max_position_embeddings=4096,
        ),
        "large-vocabulary-gpt2": lambda: GPT2Config(
            vocab_size=120_000, n_embd=512, n_layer=6, n_head=8, n_positions=4096
        ),
    }
