"""A transformers tokenizer from the vocabulary in a GGUF file, whose ids are llama.cpp's.

Three vocabularies (tokenizer.ggml.model) are understood: gpt2, bytes that merge within the pieces of a
pre-tokenizer; llama, SentencePiece pieces that merge by score; gemma4, merges of characters. All that decides
ids is in tokenizer.json; tokenizer_config.json adds names and limits.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from opro_local.engine.gguf.chat_templates import write_templates
from opro_local.engine.gguf.merges import listed_merges, merges_by_score
from opro_local.engine.gguf.pretokenizers import cuts_of
from opro_local.engine.gguf.special_tokens import added_tokens, named_tokens, surrounding
from opro_local.engine.gguf.vocabulary import ADVICE, Vocabulary, read_vocabulary
from opro_local.errors import ModelError

BLANK = "\u2581"  # SentencePiece's sign for a blank

_INERT = frozenset(
    [
        "model",
        "pre",
        "tokens",
        "token_type",
        "scores",
        "merges",
        "token_type_count",
        "bos_token_id",
        "eos_token_id",
        "eot_token_id",
        "eom_token_id",
        "unknown_token_id",
        "seperator_token_id",
        "padding_token_id",
        "cls_token_id",
        "mask_token_id",
        "add_bos_token",
        "add_eos_token",
        "add_sep_token",
        "add_space_prefix",
        "fim_pre_token_id",
        "fim_suf_token_id",
        "fim_mid_token_id",
        "fim_pad_token_id",
        "fim_rep_token_id",
        "fim_sep_token_id",
        "prefix_token_id",
        "suffix_token_id",
        "middle_token_id",
    ]
)
"""Keys that are read, or that change no id."""

_OFF = {
    "remove_extra_whitespaces": False,
    "normalizer.lowercase": False,
    "normalizer.strip_accents": False,
    "precompiled_charsmap": [],
    "suppress_tokens": [],
}
"""Keys that are understood while they switch nothing on."""


def write_tokenizer(metadata: Mapping[str, Any], folder: Path, *, context_length: int) -> None:
    """Write tokenizer.json, tokenizer_config.json and the chat templates into folder.

    metadata maps the keys of the GGUF file to their values. Raises ModelError for what is not understood.
    """
    build = _builder(metadata)
    _check_keys(metadata)
    vocabulary = read_vocabulary(metadata)
    tokenizer, starts = build(vocabulary, metadata)
    whole = added_tokens(vocabulary, metadata)
    tokenizer.add_tokens(whole)
    named = named_tokens(vocabulary, metadata, whole)
    _surround(tokenizer, *surrounding(metadata, named, starts=starts))
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "backend": "tokenizers",
        "clean_up_tokenization_spaces": False,
        "model_max_length": context_length,
        "tokenizer_class": "TokenizersBackend",
        **named,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    write_templates(metadata, folder)


_Builder = Callable[[Vocabulary, Mapping[str, Any]], tuple[Tokenizer, bool]]


def _builder(metadata: Mapping[str, Any]) -> _Builder:
    known: dict[object, _Builder] = {"gpt2": _byte_level, "llama": _sentencepiece, "gemma4": _characters}
    model = metadata.get("tokenizer.ggml.model")
    if model in (None, "none", "no_vocab"):
        raise ModelError(f"The file has no vocabulary (tokenizer.ggml.model is {model!r}). {ADVICE}")
    if model not in known:
        raise ModelError(f"tokenizer.ggml.model is {model!r}; known: {', '.join(map(str, known))}. {ADVICE}")
    return known[model]


def _check_keys(metadata: Mapping[str, Any]) -> None:
    """Raise ModelError for a key of the tokenizer that may change ids and is not understood."""
    for key, value in metadata.items():
        name = key.removeprefix("tokenizer.ggml.")
        if key.startswith("tokenizer.chat_template") or not key.startswith("tokenizer.") or name in _INERT:
            continue
        if name not in _OFF or value != _OFF[name]:
            raise ModelError(f"{key[:60]!r} is {str(value)[:40]!r}: this is not understood. {ADVICE}")


def _byte_level(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> tuple[Tokenizer, bool]:
    """Bytes, written as letters, that merge within the pieces of a text."""
    cuts = cuts_of(metadata.get("tokenizer.ggml.pre", "default"))
    merges = listed_merges(vocabulary, metadata)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary.ids, merges=merges, ignore_merges=cuts.whole))
    if cuts.composed:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in cuts.patterns),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            *_without_bytes(vocabulary),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, cuts.starts


def _without_bytes(vocabulary: Vocabulary) -> list[pre_tokenizers.PreTokenizer]:
    """A byte that is no token gets no id, and its neighbours do not merge across it.

    Small vocabularies lack bytes of control characters. Raises ModelError if they lack more.
    """
    letters = pre_tokenizers.ByteLevel.alphabet()
    missing = sorted(set(letters) - vocabulary.ids.keys())
    written = [letter for letter in missing if letter.isascii() or letter in "ĠĊ"]
    if written:
        raise ModelError(f"tokenizer.ggml.tokens lacks {written[0]!r}: it is not byte-level. {ADVICE}")
    if not missing:
        return []
    return [pre_tokenizers.Split(Regex("[" + "".join(missing) + "]"), "removed")]


def _sentencepiece(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> tuple[Tokenizer, bool]:
    """Characters that merge by the score of what they make; what is no token is spelled in bytes."""
    prefix = metadata.get("tokenizer.ggml.add_space_prefix", True)
    if not isinstance(prefix, bool):
        raise ModelError(f"tokenizer.ggml.add_space_prefix is {prefix!r}, neither true nor false. {ADVICE}")
    merges = merges_by_score(vocabulary, metadata)
    tokenizer = _spelled_in_bytes(vocabulary, merges)
    tokenizer.normalizer = normalizers.Sequence(
        [*([normalizers.Prepend(BLANK)] if prefix else []), normalizers.Replace(" ", BLANK)]
    )
    if prefix:
        tokenizer.decoder = decoders.Sequence([*_decoding(), decoders.Strip(" ", 1, 0)])
    return tokenizer, True


def _characters(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> tuple[Tokenizer, bool]:
    """Gemma 4: characters that merge as listed, between line breaks."""
    tokenizer = _spelled_in_bytes(vocabulary, listed_merges(vocabulary, metadata))
    tokenizer.normalizer = normalizers.Replace(" ", BLANK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]+|\n+"), "isolated")
    # llama.cpp takes line breaks that are a token as that token, merges or not.
    breaks = [token for token in vocabulary.tokens if not token.strip("\n")]
    unmade = [token for token in breaks if tokenizer.encode(token).ids != [vocabulary.ids[token]]]
    if unmade:
        raise ModelError(f"tokenizer.ggml.merges do not make the token {unmade[0]!r}. {ADVICE}")
    return tokenizer, True


def _spelled_in_bytes(vocabulary: Vocabulary, merges: list[tuple[str, str]]) -> Tokenizer:
    missing = [name for name in (f"<0x{byte:02X}>" for byte in range(256)) if name not in vocabulary.ids]
    if missing:
        raise ModelError(f"tokenizer.ggml.tokens lacks {missing[0]}: not every text can be spelled. {ADVICE}")
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary.ids, merges=merges, byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(_decoding())
    return tokenizer


def _decoding() -> list[decoders.Decoder]:
    return [decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()]


def _surround(tokenizer: Tokenizer, start: str | None, end: str | None) -> None:
    """Put the start token ahead of every text and the end token behind it, as far as there are any."""
    single = [*([start] if start else []), "$A", *([end] if end else [])]
    pair = [*single, *([f"{start}:1"] if start else []), "$B:1", *([f"{end}:1"] if end else [])]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single,
        pair=pair,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in {start, end} if token],
    )
