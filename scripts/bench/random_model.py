"""A model of random weights in the shape of a real one, and a tokenizer: it costs what that one does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, MistralConfig, PreTrainedTokenizerFast

CONTROL = ("<pad>", "<s>", "</s>", "<|turn|>")
CHAT_TEMPLATE = (
    "{{ '<s>' }}{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of a Mistral."""

    hidden: int = 4096
    inner: int = 14336
    layers: int = 32
    heads: int = 32
    kv_heads: int = 8
    vocabulary: int = 49152


MISTRAL_7B = Shape()
TINY = Shape(hidden=128, inner=256, layers=2, heads=4, kv_heads=2, vocabulary=2048)


def save_random_model(folder: Path, shape: Shape, *, device: str) -> int:
    """Write a folder as a model hub has them. -> parameters"""
    tokenizer = _tokenizer(shape.vocabulary)
    config = MistralConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        vocab_size=shape.vocabulary,
        max_position_embeddings=32768,
        sliding_window=None,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def _tokenizer(size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE of the manual's words; tokens of no text fill it up: a random model writes them all."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(_manual(), trainer)
    learned = backend.get_vocab()
    missing = range(len(learned), size - len(CONTROL))
    known = {token: i for token, i in learned.items() if i < size - len(CONTROL)}
    merges = [(a, b) for a, b in _merges(backend) if a + b in known]
    backend.model = models.BPE(vocab=known | {f"Ġword{i}": i for i in missing}, merges=merges)
    backend.decoder = decoders.ByteLevel()
    pad, start, end, _ = CONTROL
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token=pad,
        bos_token=start,
        eos_token=end,
        additional_special_tokens=[CONTROL[3]],
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _manual() -> Iterator[str]:
    pages = files("opro_local").joinpath("guide")
    return (page.read_text(encoding="utf-8") for page in pages.iterdir() if page.name.endswith(".md"))


def _merges(backend: Tokenizer) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]
