"""Does a family of models score right here? Asked with a tiny random model of it.

The model is written as a folder and loaded as any other, in fp32 on the CPU, and held against transformers'
own forward of whole prompts: log-probabilities of choices, of every token of a text, and greedy replies.
A tiny model has the layers of the real one, not its weights: a mask, a cache or a head that is wrong shows, a
loss of digits in a real model's large activations does not.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from opro_local.engine.faults import cause
from opro_local.engine.local import LocalEngine, load_engine
from opro_local.engine.probe import Level
from opro_local.engine.profile import keep_silent
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest, GenerationRequest, TokenIds

VOCABULARY = 320
"""Bytes, special tokens and some ids to spare."""

WINDOW = 16
"""Tokens that a sliding layer sees; texts are some times longer."""

EXACT_NATS = 1e-4
"""What rounding may make of a log-probability in fp32, and much less than any mistake does."""

TEXT_TOKENS = 72
REPLY_TOKENS = 12

SIZES: Mapping[str, int | float] = {
    "vocab_size": VOCABULARY,
    "vocab_size_per_layer_input": VOCABULARY,
    "hidden_size": 64,
    "hidden_size_per_layer_input": 16,
    "intermediate_size": 96,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "query_pre_attn_scalar": 16,
    "max_position_embeddings": 512,
    "sliding_window": WINDOW,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "num_dense_layers": 2,
    "moe_intermediate_size": 32,
    "shared_intermediate_size": 96,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "mamba_d_ssm": 128,
    "mamba_d_state": 16,
    "mamba_d_head": 16,
    "mamba_n_heads": 8,
    "mamba_chunk_size": 16,
    "block_multiple_of": 16,
    # Sharp logits: with the usual start a wrong mask changes hardly anything.
    "initializer_range": 0.1,
}
"""What a config is shrunk to, where it has the key."""

AS_SHIPPED: Mapping[str, Mapping[str, Any]] = {
    "gemma4_text": {"num_hidden_layers": 12, "num_kv_shared_layers": 6, "global_head_dim": 32},
    "gemma4_unified_text": {"global_head_dim": 32},
    "granitemoehybrid": {"layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 2},
    "hunyuan_v1_dense": {"head_dim": 16},
    "lfm2": {"layer_types": ["conv", "conv", "full_attention", "conv"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "conv", "full_attention", "conv"] * 2},
}
"""What the published models of a family have and the defaults of its config have not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCheck:
    """The level that a tiny model of the family runs at, and why; gaps to plain transformers in nats (fp32).

    choice_gap is the largest over choices of one to three tokens, token_gap over the tokens of a text;
    greedy_equal tells whether all greedy replies are the same tokens.
    """

    family: str
    level: Level
    reason: str
    choice_gap: float
    token_gap: float
    greedy_equal: bool
    transformers: str

    @property
    def exact(self) -> bool:
        """Whether it scores as plain transformers does."""
        return max(self.choice_gap, self.token_gap) <= EXACT_NATS and self.greedy_equal


def check_family(family: str) -> FamilyCheck:
    """Build the family tiny, load it and compare. Raises ModelError if it cannot be built or loaded."""
    with TemporaryDirectory() as name:
        folder = Path(name) / family
        save_tiny(family, folder)
        engine = load_engine(folder, digest="tiny", quantize="fp32", device="cpu")
        # It is in evaluation mode: from_pretrained sees to that.
        plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        return compare(family, engine, plain, random_probes(VOCABULARY, random.Random(0)))


def save_tiny(family: str, folder: Path) -> None:
    """Write a random model of the family with a tokenizer of bytes. Raises ModelError."""
    keep_silent()
    tokenizer = _byte_tokenizer()
    try:
        config = tiny_config(family)
        _set_ids(config, tokenizer)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        model.save_pretrained(folder)
    except Exception as error:  # libraries raise anything
        raise ModelError(
            f"transformers {transformers.__version__} builds no model of family {family!r}: {cause(error)}"
        ) from error
    tokenizer.save_pretrained(folder)


def tiny_config(family: str) -> PretrainedConfig:
    """The family's config, its parts shrunk. Raises ValueError for a family that transformers has not."""
    return _shrunk(type(AutoConfig.for_model(family)))


def compare(family: str, engine: LocalEngine, plain: PreTrainedModel, probes: "Probes") -> FamilyCheck:
    """Hold an engine against its own model in plain transformers, both in fp32."""
    with torch.inference_mode():
        return FamilyCheck(
            family=family,
            level=engine.level,
            reason=engine.level_reason,
            choice_gap=_gap(engine, plain, probes.choices),
            token_gap=_gap(engine, plain, probes.tokens()),
            greedy_equal=_replies_equal(engine, plain, probes.prompts),
            transformers=transformers.__version__,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What is compared: choices behind contexts, each token of a text behind those before it, replies."""

    choices: tuple[ChoiceRequest, ...]
    text: TokenIds
    prompts: tuple[TokenIds, ...]

    def tokens(self) -> list[ChoiceRequest]:
        """A request for each token of the text but the first."""
        text = self.text
        return [ChoiceRequest(context=text[:at], choices=(text[at : at + 1],)) for at in range(1, len(text))]


def random_probes(vocabulary: int, draw: random.Random) -> Probes:
    """Random ids: two prefixes with three contexts each, below and beyond a window of 16 tokens."""
    prefixes = [_ids(WINDOW // 2, vocabulary, draw), _ids(2 * WINDOW, vocabulary, draw)]
    choices = tuple(
        ChoiceRequest(context=prefix + _ids(length, vocabulary, draw), choices=_choices(vocabulary, draw))
        for prefix in prefixes
        for length in (1, 5, 2 * WINDOW)
    )
    prompts = tuple(request.context for request in choices)
    return Probes(choices=choices, text=_ids(TEXT_TOKENS, vocabulary, draw), prompts=prompts)


def _shrunk(kind: type[PretrainedConfig]) -> PretrainedConfig:
    # Not getattr: what differs by layer cannot be asked for that way.
    default = kind().to_dict()
    sizes = {key: size for key, size in SIZES.items() if isinstance(default.get(key), (int, float))}
    parts = {
        name: _shrunk(part)
        for name, part in kind.sub_configs.items()
        if isinstance(part, type) and issubclass(part, PretrainedConfig)
    }
    return kind(**{**sizes, **parts, **AS_SHIPPED.get(kind.model_type, {})})


def _set_ids(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast) -> None:
    """Special tokens within the small vocabulary."""
    for part in (config, config.get_text_config()):
        part.bos_token_id = None
        part.eos_token_id, part.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id


def _byte_tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend, pad_token="<pad>", eos_token="<end>"
    )


def _choices(vocabulary: int, draw: random.Random) -> tuple[TokenIds, ...]:
    """Of one to three tokens; two begin alike."""
    first = _ids(1, vocabulary, draw)
    return (
        first,
        first + _ids(1, vocabulary, draw),
        _ids(2, vocabulary, draw),
        _ids(3, vocabulary, draw),
    )


def _ids(n: int, vocabulary: int, draw: random.Random) -> TokenIds:
    return tuple(draw.randrange(vocabulary) for _ in range(n))


def _gap(engine: LocalEngine, plain: PreTrainedModel, requests: Sequence[ChoiceRequest]) -> float:
    """The largest difference, in nats; what is no number makes it infinite."""
    replies = engine.loglikelihood(requests)
    gaps = [
        abs(ours - theirs)
        for request, reply in zip(requests, replies, strict=True)
        for ours, theirs in zip(reply.log_probs, _plain_scores(plain, request), strict=True)
    ]
    return math.inf if any(map(math.isnan, gaps)) else max(gaps)


def _plain_scores(plain: PreTrainedModel, request: ChoiceRequest) -> Iterator[float]:
    """Every choice in a forward of its own, without a cache."""
    for choice in request.choices:
        logits = _plain_logits(plain, request.context + choice)[len(request.context) - 1 : -1]  # (len, V)
        picked = logits.log_softmax(-1)[range(len(choice)), list(choice)]
        yield picked.sum().item()


def _plain_logits(plain: PreTrainedModel, ids: TokenIds) -> torch.Tensor:
    """Logits (len(ids), V) of one whole text."""
    logits: torch.Tensor = plain(input_ids=torch.tensor([ids]), use_cache=False).logits
    return logits[0].float()


def _replies_equal(engine: LocalEngine, plain: PreTrainedModel, prompts: Sequence[TokenIds]) -> bool:
    requests = [GenerationRequest(prompt=prompt, max_tokens=REPLY_TOKENS, final=_never) for prompt in prompts]
    return all(
        _plain_reply(plain, request.prompt, len(reply.ids)) == reply.ids
        for request, reply in zip(requests, engine.generate(requests), strict=True)
    )


def _never(text: str) -> bool:
    return False


def _plain_reply(plain: PreTrainedModel, prompt: TokenIds, tokens: int) -> TokenIds:
    """So many tokens, each the likeliest behind the whole text before it."""
    ids = prompt
    for _ in range(tokens):
        ids = (*ids, int(_plain_logits(plain, ids)[-1].argmax()))
    return ids[len(prompt) :]
