"""Which tokens of a GGUF vocabulary stand whole in a text, and which of them begin and end one.

As llama.cpp has it, which goes by a token's spelling where a converter forgot its type.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers import AddedToken

from opro_local.engine.gguf.vocabulary import ADVICE, Type, Vocabulary
from opro_local.errors import ModelError

ENDINGS = frozenset(
    [
        "<|eot_id|>",
        "<|im_end|>",
        "<|end|>",
        "<end_of_turn>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "</s>",
        "<eos>",
        "<\uff5cend\u2581of\u2581sentence\uff5c>",
        "<end_of_utterance>",
        "<|eom_id|>",
        "<|return|>",
        "<|call|>",
        "<|calls|>",
        "<|flush|>",
        "<turn|>",
        "<|tool_response>",
        "[e~[",
        "<|ifm|im_end|>",
    ]
)
"""Tokens that end a text wherever they are in a vocabulary: control tokens, whatever their type."""

_STANDING = frozenset(["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"])
"""Tokens that stand whole in a text, whatever their type."""

_INFILL: dict[tuple[str, ...], list[str]] = {
    ("fim_pre", "prefix"): [
        "<|fim_prefix|>",
        "<fim-prefix>",
        "<fim_prefix>",
        "<\uff5cfim\u2581begin\uff5c>",
        "<PRE>",
        "\u2581<PRE>",
        "<|code_prefix|>",
        "<|prefix|>",
        "<|plamo:fim_prefix|>",
    ],
    ("fim_suf", "suffix"): [
        "<|fim_suffix|>",
        "<fim-suffix>",
        "<fim_suffix>",
        "<\uff5cfim\u2581hole\uff5c>",
        "<SUF>",
        "\u2581<SUF>",
        "<|code_suffix|>",
        "<|suffix|>",
        "<|plamo:fim_suffix|>",
    ],
    ("fim_mid", "middle"): [
        "<|fim_middle|>",
        "<fim-middle>",
        "<fim_middle>",
        "<\uff5cfim\u2581end\uff5c>",
        "<MID>",
        "\u2581<MID>",
        "<|code_middle|>",
        "<|middle|>",
        "<|plamo:fim_middle|>",
    ],
    ("fim_pad",): [
        "<|fim_pad|>",
        "<fim-pad>",
        "<fim_pad>",
        "<PAD>",
        "[PAD]",
    ],
    ("fim_rep",): [
        "<|fim_repo|>",
        "<|repo_name|>",
        "<fim-repo>",
        "<REPO>",
        "<reponame>",
    ],
    ("fim_sep",): [
        "<|file_sep|>",
        "<|plamo:file_separator|>",
    ],
}
"""Marks of code infilling by their keys: the one that a vocabulary has is a control token."""

_NEVER_STRIPPING = frozenset({"<unk>", "<s>", "<|endoftext|>"})
_ROLES = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "pad_token": "padding_token_id",
}
_DEFAULT_IDS = {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0}
"""Of a SentencePiece vocabulary whose file does not say."""


def control_tokens(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> set[str]:
    """Tokens that a template writes and that no content may write. Raises ModelError where it is unclear."""
    marked = set(vocabulary.of_types(Type.CONTROL, Type.UNKNOWN))
    endings = ENDINGS & vocabulary.ids.keys()
    # Gemma 4 writes this one at the end of text that is struck through.
    text = {"</s>"} if "<|tool_response>" in endings else set()
    return (marked | endings | set(_infill_marks(vocabulary, metadata, marked))) - text


def _infill_marks(vocabulary: Vocabulary, metadata: Mapping[str, Any], marked: set[str]) -> Iterable[str]:
    for keys, names in _INFILL.items():
        found = [name for name in names if name in vocabulary.ids]
        if set(found) <= marked or any(f"tokenizer.ggml.{key}_token_id" in metadata for key in keys):
            continue
        if len(found) > 1:
            raise ModelError(
                f"tokenizer.ggml.token_type does not say which of {', '.join(found)} are control tokens."
                f" {ADVICE}"
            )
        yield from found


def standing_tokens(vocabulary: Vocabulary) -> set[str]:
    """Tokens that stand whole in any text: blanks by the dozen, marks of thinking."""
    return set(vocabulary.of_types(Type.USER_DEFINED)) | (_STANDING & vocabulary.ids.keys())


def added_tokens(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> list[AddedToken]:
    """The tokens that stand whole, by id. special are those that contents may not write."""
    control = control_tokens(vocabulary, metadata)
    stripping = _strips_behind(vocabulary, metadata)
    whole = sorted(control | standing_tokens(vocabulary), key=vocabulary.ids.__getitem__)
    return [
        AddedToken(
            token,
            special=token in control,
            normalized=False,
            rstrip=stripping and token not in _NEVER_STRIPPING,
        )
        for token in whole
    ]


def _strips_behind(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> bool:
    """Phi-3 eats blanks behind control tokens; no key says so, only the model's name."""
    name = str(metadata.get("general.name", "")).lower()
    return ("phi-3" in name or "phi3" in name) and {*_NEVER_STRIPPING, "</s>"} <= vocabulary.ids.keys()


def named_tokens(
    vocabulary: Vocabulary, metadata: Mapping[str, Any], whole: Iterable[AddedToken]
) -> dict[str, str]:
    """The tokens with a role, by transformers' names for the roles. Raises ModelError for a wrong id."""
    standing = {token.content for token in whole}
    named = {}
    for role, key in _ROLES.items():
        token = _token_at(vocabulary, metadata, key)
        if token in standing:
            named[role] = token
        elif token is not None and role in ("bos_token", "eos_token"):
            raise ModelError(
                f"tokenizer.ggml.{key} names {token[:60]!r}, which is no control token by its type. {ADVICE}"
            )
    return named


def _token_at(vocabulary: Vocabulary, metadata: Mapping[str, Any], key: str) -> str | None:
    default = _DEFAULT_IDS.get(key) if metadata["tokenizer.ggml.model"] == "llama" else None
    place = metadata.get(f"tokenizer.ggml.{key}", default)
    if place is None:
        return None
    if type(place) is not int or not 0 <= place < len(vocabulary.tokens):
        raise ModelError(f"tokenizer.ggml.{key} is {place!r} of {len(vocabulary.tokens)} tokens. {ADVICE}")
    return vocabulary.tokens[place]


def surrounding(
    metadata: Mapping[str, Any], named: Mapping[str, str], *, starts: bool
) -> tuple[str | None, str | None]:
    """The tokens put ahead of and behind every text. starts is what holds where the file does not say.

    Raises ModelError if the file wants one that it does not name.
    """
    if metadata["tokenizer.ggml.model"] == "gemma4":
        # Converters wrote false, since the chat template has the token; without it the model fails.
        metadata = {**metadata, "tokenizer.ggml.add_bos_token": True}
    return (
        _put(metadata, named, "bos_token", default=starts),
        _put(metadata, named, "eos_token", default=False),
    )


def _put(metadata: Mapping[str, Any], named: Mapping[str, str], role: str, *, default: bool) -> str | None:
    key = f"tokenizer.ggml.add_{role}"
    wanted = metadata.get(key, default)
    if not isinstance(wanted, bool):
        raise ModelError(f"{key} is {wanted!r}, neither true nor false. {ADVICE}")
    if wanted and role not in named:
        raise ModelError(f"Every text gets a {role}, but tokenizer.ggml.{role}_id is missing. {ADVICE}")
    return named[role] if wanted else None
