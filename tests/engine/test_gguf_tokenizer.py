"""Ids of tokenizers from GGUF vocabularies are those that llama.cpp gives, and what would differ is refused.

golden/gguf_ids.json was written by llama.cpp (the wheel xllamacpp, its version inside). With that wheel, the
slow tests hold the file against it, and GOLDEN=write pytest tests/engine/test_gguf_tokenizer.py writes it.
"""

import hashlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.request import Request, urlopen

import pytest
from gguf_vocabularies import TEXTS, Metadata, byte_level, characters, sentencepiece, write_gguf
from pytest_socket import enable_socket
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from opro_local.engine.gguf.pretokenizers import CUTS
from opro_local.engine.gguf.tokenizer import write_tokenizer
from opro_local.errors import ModelError

GOLDEN = Path(__file__).parents[1] / "golden" / "gguf_ids.json"
Ids = list[list[int]]

IN_FULL: dict[str, Callable[[], Metadata]] = {
    "smollm": lambda: byte_level("smollm"),
    "llama-bpe": lambda: byte_level("llama-bpe"),
    "tekken": lambda: byte_level("tekken"),
    "gpt-4o": lambda: byte_level("gpt-4o"),
    "no pre": lambda: byte_level(None),
    "sentencepiece": sentencepiece,
    "no prefix": lambda: sentencepiece(add_space_prefix=False, add_bos_token=False, add_eos_token=True),
    "characters": characters,
}
"""Vocabularies whose ids the golden file lists; of the other kinds it keeps a digest."""
ALL = {**{kind: partial(byte_level, kind) for kind in CUTS}, **IN_FULL}
ROWS = [[kind for kind in CUTS if CUTS[kind] == cuts] for cuts in dict.fromkeys(CUTS.values())]
"""The kinds that cut alike, and so have the same ids."""


def golden() -> dict[str, Any]:
    return dict(json.loads(GOLDEN.read_text()))


def kept(name: str, ids: Ids) -> object:
    """What the golden file keeps of a vocabulary's ids."""
    return ids if name in IN_FULL else hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]


def texts_of(name: str) -> list[str]:
    """What llama.cpp is asked: it knows no NFC, which these tokenizers apply."""
    composed = name in CUTS and CUTS[name].composed
    return [normalize("NFC", text) for text in TEXTS] if composed else TEXTS


def folder_of(metadata: Metadata, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    write_tokenizer(metadata, folder, context_length=512)
    return folder


def loaded(metadata: Metadata, folder: Path) -> Any:
    return PreTrainedTokenizerFast.from_pretrained(folder_of(metadata, folder))


@pytest.mark.parametrize("name", IN_FULL)
def test_ids_are_llama_cpps(name: str, tmp_path: Path) -> None:
    tokenizer = loaded(IN_FULL[name](), tmp_path)
    assert [tokenizer(text).input_ids for text in TEXTS] == golden()["ids"][name]


@pytest.mark.parametrize("kinds", ROWS, ids=lambda kinds: kinds[0])
def test_every_kind_cuts_as_llama_cpp_does(kinds: list[str], tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder_of(byte_level(kinds[0]), tmp_path) / "tokenizer.json"))
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    assert {kind: golden()["ids"][kind] for kind in kinds} == {kind: kept(kind, ids) for kind in kinds}


def test_the_texts_tell_kinds_that_cut_differently_apart() -> None:
    rows = [{json.dumps(golden()["ids"][kind]) for kind in kinds if kind not in IN_FULL} for kinds in ROWS]
    digests = [digest for row in rows for digest in row]
    assert len(digests) == len(set(digests))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_the_golden_ids_are_still_llama_cpps(name: str, tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    ids = llama_cpp_ids(xllamacpp, write_gguf(tmp_path / "tiny.gguf", ALL[name]()), texts_of(name))
    if os.environ.get("GOLDEN") == "write":
        content = golden() if GOLDEN.exists() else {"ids": {}}
        content["written by"] = f"llama.cpp of xllamacpp {xllamacpp.__version__}"
        content["ids"][name] = kept(name, ids)
        GOLDEN.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n")
    assert kept(name, ids) == golden()["ids"][name]


def llama_cpp_ids(xllamacpp: Any, file: Path, texts: list[str]) -> Ids:
    """What llama.cpp's server answers, control tokens in the text taken for what they are."""
    enable_socket()
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel = str(file), 64, 1
    settings.warmup, settings.port, settings.verbosity = False, 0, -1
    server = xllamacpp.Server(settings)
    return [_answer(f"{server.listening_address}/tokenize", text) for text in texts]


def _answer(address: str, text: str) -> list[int]:
    body = json.dumps({"content": text, "add_special": True, "parse_special": True}).encode()
    with urlopen(Request(address, body, {"Content-Type": "application/json"})) as reply:
        return list(json.load(reply)["tokens"])
