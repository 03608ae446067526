"""The token lists of a GGUF file, checked against each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import UnionType
from typing import Any

from opro_local.errors import ModelError

ADVICE = "Use the model's safetensors folder instead."

_WORDS: dict[object, str] = {str: "texts", int: "whole numbers", int | float: "numbers"}


class Type(IntEnum):
    """What tokenizer.ggml.token_type says of a token."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """tokens and types have the same length; a token's place is its id. ids is the way back."""

    tokens: list[str]
    types: list[int]
    ids: dict[str, int]

    def of_types(self, *types: Type) -> Iterable[str]:
        """The tokens of these types, in the order of their ids."""
        return (token for token, kind in zip(self.tokens, self.types, strict=True) if kind in types)


def read_vocabulary(metadata: Mapping[str, Any]) -> Vocabulary:
    """The tokens with their types. Raises ModelError where lists are missing or do not fit each other."""
    tokens = read_list(metadata, "tokens", str)
    if not tokens:
        raise ModelError(f"tokenizer.ggml.tokens is missing: the file has no vocabulary. {ADVICE}")
    # llama.cpp's name for a token without text; no text spells it by accident
    tokens = [token or f"[EMPTY_{place}]" for place, token in enumerate(tokens)]
    ids = {token: place for place, token in enumerate(tokens)}
    if len(ids) != len(tokens):
        twice = next(token for place, token in enumerate(tokens) if ids[token] != place)
        raise ModelError(f"tokenizer.ggml.tokens has {twice[:60]!r} twice. {ADVICE}")
    types = read_list(metadata, "token_type", int) or [int(Type.NORMAL)] * len(tokens)
    check_length("token_type", types, tokens)
    return Vocabulary(tokens=tokens, types=types, ids=ids)


def read_list(metadata: Mapping[str, Any], name: str, kind: type | UnionType) -> list[Any]:
    """The list under tokenizer.ggml.name, empty if there is none. Raises ModelError for another value."""
    values = metadata.get(f"tokenizer.ggml.{name}", [])
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise ModelError(f"tokenizer.ggml.{name} is not a list of {_WORDS[kind]}. {ADVICE}")
    return values


def check_length(name: str, values: list[Any], tokens: list[str]) -> None:
    """Raise ModelError unless there is a value for each token."""
    if len(values) != len(tokens):
        raise ModelError(f"tokenizer.ggml.{name} has {len(values)} values for {len(tokens)} tokens. {ADVICE}")
