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
from tokenizers.pre_tokenizers import ByteLevel
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
    "phi-3": lambda: {**sentencepiece(), "general.name": "Phi-3 mini"},
    "characters": characters,
    "types forgotten": lambda: types_forgotten(),
    "bytes left out": lambda: bytes_left_out("\x00\x1f"),
}
"""Vocabularies whose ids the golden file lists; of the other kinds it keeps a digest."""
BY_KIND: dict[str, Callable[[], Metadata]] = {kind: partial(byte_level, kind) for kind in CUTS}
ALL = BY_KIND | IN_FULL
ROWS = [[kind for kind in CUTS if CUTS[kind] == cuts] for cuts in dict.fromkeys(CUTS.values())]
"""The kinds that cut alike, and so have the same ids."""


def types_forgotten() -> Metadata:
    """All tokens of the normal type; the ends of texts are known by their spelling."""
    metadata = byte_level("gpt-2", bos_token_id=2, eos_token_id=5)
    return metadata | {"tokenizer.ggml.token_type": [1] * len(metadata["tokenizer.ggml.tokens"])}


def bytes_left_out(characters: str) -> Metadata:
    """No token for some bytes, and none made of them."""
    metadata = byte_level("smollm")
    (letters, _), *_ = ByteLevel(add_prefix_space=False).pre_tokenize_str(characters)
    tokens = [token for token in metadata["tokenizer.ggml.tokens"] if not set(token) & set(letters)]
    merges = [merge for merge in metadata["tokenizer.ggml.merges"] if not set(merge) & set(letters)]
    types = metadata["tokenizer.ggml.token_type"][: len(tokens)]
    lists = {"tokens": tokens, "token_type": types, "merges": merges}
    return metadata | {f"tokenizer.ggml.{name}": values for name, values in lists.items()}


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


def test_roles_limit_and_decoding_are_the_files(tmp_path: Path) -> None:
    tokenizer = loaded(byte_level("smollm", padding_token_id=5, unknown_token_id=0), tmp_path)
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<s>", "</s>")
    assert (tokenizer.pad_token, tokenizer.unk_token) == ("<|endoftext|>", "<unk>")
    assert tokenizer.model_max_length == 512
    for text in ("  a 1\n\u00e9t\u00e9 \u4e2d", "a !'b ."):
        assert tokenizer.decode(tokenizer(text).input_ids) == text


@pytest.mark.parametrize("prefix", [True, False])
def test_pieces_decode_to_the_text(prefix: bool, tmp_path: Path) -> None:
    tokenizer = loaded(sentencepiece(add_space_prefix=prefix), tmp_path)
    for text in (" a 1\n\u00e9t\u00e9", "a\U0001f44db"):
        ids = tokenizer(text).input_ids
        assert (ids[0], tokenizer.decode(ids[1:])) == (1, text)


def test_text_that_spells_a_control_token_can_stay_text(tmp_path: Path) -> None:
    tokenizer = loaded(byte_level("smollm"), tmp_path)
    assert tokenizer("<s><think>").input_ids == [1, 6]
    kept_apart = tokenizer("<s><think>", split_special_tokens=True).input_ids
    assert 1 not in kept_apart
    assert kept_apart[-1] == 6  # user-defined tokens are part of the text, as in llama.cpp


def test_composed_and_decomposed_text_is_the_same_to_qwen_alone(tmp_path: Path) -> None:
    qwen, llama = (loaded(byte_level(kind), tmp_path / kind) for kind in ("qwen2", "dbrx"))
    assert qwen("e\u0301").input_ids == qwen("\u00e9").input_ids
    assert llama("e\u0301").input_ids != llama("\u00e9").input_ids


def test_start_and_end_are_added_where_the_file_or_its_kind_says(tmp_path: Path) -> None:
    def added(metadata: Metadata) -> tuple[bool, bool]:
        ids = loaded(metadata, tmp_path).encode("a")
        return ids[0] == 1, ids[-1] == 2

    assert added(byte_level("llama-bpe")) == (True, False)
    assert added(byte_level("llama-bpe", add_bos_token=False)) == (False, False)
    assert added(byte_level("smollm", add_bos_token=True, add_eos_token=True)) == (True, True)
    assert added(sentencepiece()) == (True, False)
    assert added(characters(add_bos_token=False)) == (True, False)  # llama.cpp: Gemma 4 needs it


def test_templates_are_stored_as_transformers_reads_them(tmp_path: Path) -> None:
    key = "tokenizer.chat_template"
    named = {key: "{{ 1 }}", f"{key}s": ["tool_use"], f"{key}.tool_use": "{{ 2 }}"}
    one = loaded(byte_level("smollm") | {key: "{{ 1 }}"}, tmp_path / "one")
    assert one.chat_template == "{{ 1 }}"
    assert loaded(byte_level("smollm") | named, tmp_path / "two").chat_template == {
        "default": "{{ 1 }}",
        "tool_use": "{{ 2 }}",
    }
    assert loaded(byte_level("smollm"), tmp_path / "none").chat_template is None


BYTES, PIECES = byte_level("smollm"), sentencepiece()
REFUSED: dict[str, tuple[Metadata, dict[str, object], str]] = {
    "no vocabulary": (BYTES, {"model": "no_vocab"}, "has no vocabulary"),
    "no model": (BYTES, {"model": None}, "has no vocabulary"),
    "unknown model": (BYTES, {"model": "bert"}, "is 'bert'; known: gpt2, llama, gemma4"),
    "unknown kind": (BYTES, {"pre": "jina-v2-code"}, "'jina-v2-code': how it cuts text is not known"),
    "a kind that is a number": (BYTES, {"pre": 7}, "pre is '7': how it cuts text is not known"),
    "a start that is true": (BYTES, {"bos_token_id": True}, "bos_token_id is True of"),
    "no tokens": (BYTES, {"tokens": None}, "tokens is missing"),
    "no merges": (BYTES, {"merges": None}, "merges is missing"),
    "no scores": (PIECES, {"scores": None}, "scores is missing"),
    "a token twice": (BYTES, {"tokens": [*BYTES["tokenizer.ggml.tokens"][:-1], "<s>"]}, "has '<s>' twice"),
    "too few types": (BYTES, {"token_type": [1, 1]}, "token_type has 2 values for"),
    "too few scores": (PIECES, {"scores": [1.0]}, "scores has 1 values for"),
    "types that are texts": (BYTES, {"token_type": ["1"]}, "token_type is not a list of whole numbers"),
    "a merge of no token": (BYTES, {"merges": ["a xyz"]}, "'a xyz' makes no token"),
    "a merge without parts": (BYTES, {"merges": ["ab"]}, "'ab' makes no token"),
    "equal scores": (PIECES, {"scores": [0.0] * len(PIECES["tokenizer.ggml.scores"])}, "have the same score"),
    "a start beyond the end": (BYTES, {"bos_token_id": 10**6}, "bos_token_id is 1000000 of"),
    "a start that is no control token": (BYTES, {"bos_token_id": 20}, "which is no control token"),
    "a start without a name": (
        BYTES,
        {"add_bos_token": True, "bos_token_id": None},
        "bos_token_id is missing",
    ),
    "an unclear flag": (BYTES, {"add_bos_token": 1}, "add_bos_token is 1, neither true nor false"),
    "an unclear prefix": (PIECES, {"add_space_prefix": 0}, "add_space_prefix is 0, neither true nor false"),
    "blanks squeezed": (PIECES, {"remove_extra_whitespaces": True}, "remove_extra_whitespaces' is 'True'"),
    "a charsmap": (PIECES, {"precompiled_charsmap": [1, 2]}, "precompiled_charsmap' is '[1, 2]'"),
    "lower case": (BYTES, {"normalizer.lowercase": True}, "normalizer.lowercase' is 'True'"),
    "an unknown key": (BYTES, {"some_new_step": 3}, "some_new_step' is '3': this is not understood"),
    "no bytes": (
        PIECES,
        {"tokens": [t.replace("<0x00", "<0x") for t in PIECES["tokenizer.ggml.tokens"]]},
        "lacks <0x00>",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_change_ids_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    metadata, changes, message = REFUSED[name]
    changed = metadata | {f"tokenizer.ggml.{key}": value for key, value in changes.items()}
    with pytest.raises(ModelError) as refusal:
        folder_of({key: value for key, value in changed.items() if value is not None}, tmp_path)
    assert message in str(refusal.value)
    assert str(refusal.value).endswith("Use the model's safetensors folder instead.")
    assert "\n" not in str(refusal.value)


def test_what_switches_nothing_on_is_taken(tmp_path: Path) -> None:
    keys = {"remove_extra_whitespaces": False, "precompiled_charsmap": [], "normalizer.lowercase": False}
    assert loaded(sentencepiece(**keys, token_type_count=2), tmp_path)("").input_ids == [1]


def test_a_character_that_only_a_longer_token_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has '\u01c4a' and lacks '\u01c4', of which it is made"):
        folder_of(longer(sentencepiece(), "\u01c4a"), tmp_path)


def test_line_breaks_that_no_merge_makes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="merges do not make the token"):
        folder_of(longer(characters(), "\n\n\n"), tmp_path)


def longer(metadata: Metadata, token: str) -> Metadata:
    """The vocabulary with one more token of the normal type, of the lowest score."""
    more = {"tokens": token, "token_type": 1, "scores": -1e6}
    lists = {key: metadata[f"tokenizer.ggml.{key}"] for key in more if f"tokenizer.ggml.{key}" in metadata}
    return metadata | {f"tokenizer.ggml.{key}": [*values, more[key]] for key, values in lists.items()}


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ({"tokenizer.chat_template.tool_use": "x"}, "is missing beside tool_use"),
        ({"tokenizer.chat_template": 3}, "no template with a plain name"),
        ({"tokenizer.chat_template": "x", "tokenizer.chat_template.../a": "y"}, "with a plain name"),
    ],
)
def test_templates_that_cannot_be_stored_are_refused(
    templates: Metadata, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        folder_of(BYTES | templates, tmp_path)
    assert not (tmp_path / "additional_chat_templates").exists()
