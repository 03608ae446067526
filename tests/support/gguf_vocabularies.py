"""Small vocabularies as GGUF metadata, the same everywhere, in which a text cut elsewhere has other ids.

Any two signs of a small alphabet merge, the rank of a pair drawn by lot: a wrong cut moves a pair.
"""

import random
from itertools import product
from pathlib import Path
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

Metadata = dict[str, Any]

CONTROL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"]
USER_DEFINED = ["<think>", "       "]
UNMERGED = "snake"  # a token that no merges make: kinds that look pieces up have it
TEXTS = [
    *[
        "",
        " ",
        "a",
        " a",
        "a ",
        "   a",
        "a   ",
        "\n",
        "\n\n a",
        "a \n \n b",
        "\r\n\r\na",
        "\ta\t\t\t\t\t\tb",
        " \t \n\t a",
        "\t \t \t",
        "?\n",
    ],
    *[
        "1",
        "12",
        "123",
        "1234",
        "12345",
        "1234567",
        "a1b22c333",
        "1  22   333 4444",
        "in 2024, 1.5e10",
        "x=1;y=22",
    ],
    *[
        "it's",
        "IT'S",
        "we'LL",
        "don't 're 'D",
        "'ta 'se",
        "aB",
        "ABc",
        "aBcD EF",
        "snake_case",
        "a.b!",
        "..!!..\n\n!",
    ],
    *[
        "!a ?b",
        "$1+2<3",
        "a/b//\n",
        "#!/bin\n\n",
        "\u00e9t\u00e9",
        "e\u0301te\u0301",
        "\u00c9COLE",
        "a\u00c9B",
        "b\u0301a",
    ],
    *[
        "\u4e2d\u6587\u4e2d1\u4e2d",
        "\u4e2da\u4e2d",
        "\u304b\u4e2d",
        "\u0e01\u0e33",
        "\u0663\u0664",
        "\u00bd1",
        "\ud55c",
    ],
    *[
        "\U0001f44d\U0001f3fd!",
        "a\u00a0\u00a0b",
        "\u3000a",
        "a\u200db\u200dc",
        "\u2581a",
        "a\x00a\x00b\x1f",
        "\U0010fffd",
    ],
    *[
        "<|im_start|>a\n1<|im_end|>\n",
        "<s> a</s> b",
        "<think>\n a",
        "a      b       c",
        "<|im_st",
        "a<unk>b",
        "<0x0A>",
    ],
]
"""Runs of digits, cases, contractions, blanks, lines, scripts, marks, control tokens."""


def byte_level(kind: str | None, **keys: object) -> Metadata:
    """A vocabulary of the kind (tokenizer.ggml.pre), with other keys by their names behind the prefix."""
    alphabet = sorted(ByteLevel.alphabet())
    seen = sorted({letter for text in TEXTS for letter in _letters(text)})
    pairs = [*product(seen, seen)]
    random.Random(5).shuffle(pairs)  # drawn so that all kinds differ
    tokens = [*CONTROL, *USER_DEFINED, *alphabet, *(left + right for left, right in pairs), UNMERGED]
    return _metadata(
        "gpt2",
        tokens,
        [1] * (len(tokens) - len(CONTROL) - len(USER_DEFINED)),
        merges=[f"{left} {right}" for left, right in pairs],
        **({} if kind is None else {"pre": kind}),
        **keys,
    )


def _letters(text: str) -> list[str]:
    return [
        letter for piece, _ in ByteLevel(add_prefix_space=False).pre_tokenize_str(text) for letter in piece
    ]


def sentencepiece(**keys: object) -> Metadata:
    """Characters, pairs and some triples, each with a score of its own; what is rare is spelled in bytes."""
    letters = [*"\u2581\nab1234.!'eEtCO\u00e9\u4e2d"]
    made = [*map("".join, product(letters, letters)), *map("".join, product("\u2581ab1\n", repeat=3))]
    random.Random(1).shuffle(made)
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*CONTROL, *USER_DEFINED, *spelled, *made, *letters]
    scores = [0.0] * (len(tokens) - len(made) - len(letters)) + [
        -float(n) for n in range(len(made) + len(letters))
    ]
    return _metadata("llama", tokens, [6] * 256 + [1] * (len(made) + len(letters)), scores=scores, **keys)


def characters(**keys: object) -> Metadata:
    """Gemma 4's way: merges of characters that a list ranks."""
    letters = [*"\u2581\nab1234.!'eEtCO\u00e9\u4e2d"]
    pairs = [*product(letters, letters)]
    random.Random(2).shuffle(pairs)
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*CONTROL, *USER_DEFINED, *spelled, *letters, *map("".join, pairs)]
    merges = [f"{left} {right}" for left, right in pairs]
    return _metadata("gemma4", tokens, [6] * 256 + [1] * (len(letters) + len(pairs)), merges=merges, **keys)


def _metadata(model: str, tokens: list[str], types: list[int], **keys: object) -> Metadata:
    marked = [2, *[3] * (len(CONTROL) - 1), *[4] * len(USER_DEFINED)]
    own = {
        "model": model,
        "tokens": tokens,
        "token_type": marked + types,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in {**own, **keys}.items()}


def write_gguf(path: Path, metadata: Metadata) -> Path:
    """The vocabulary in a file that llama.cpp loads: a Llama of one layer and random weights."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    for key, value in metadata.items():
        _add(writer, key, value)
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    layer = {
        "attn_q": 2,
        "attn_k": 2,
        "attn_v": 2,
        "attn_output": 2,
        "ffn_gate": 2,
        "ffn_up": 2,
        "ffn_down": 2,
    }
    layer |= {"attn_norm": 1, "ffn_norm": 1}
    for name, dimensions in layer.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.ones((32,) * dimensions, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(32, np.float32))
    writer.add_tensor("token_embd.weight", np.ones((len(metadata["tokenizer.ggml.tokens"]), 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: Any, key: str, value: object) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case str():
            writer.add_string(key, value)
        case list():
            writer.add_array(key, value)
        case _:
            raise TypeError(f"{key}: {value!r}")
