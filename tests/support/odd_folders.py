"""Model folders that are almost right: each key of each file made something else, each file something odd.

Every change is harmless to the machine: loops end, sizes are only told, files are small or sparse.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

Change = Callable[[Path], object]

CONFIG, TOKENIZER, SETTINGS = "config.json", "tokenizer.json", "tokenizer_config.json"
GENERATION, INDEX, WEIGHTS = "generation_config.json", "model.safetensors.index.json", "model.safetensors"
TEMPLATE, SUMS, MANIFEST = "chat_template.jinja", "SHA256SUMS", "MODEL.json"

LEFT_OUT = object()
HUGE = 10**18

VALUES: dict[str, Any] = {
    "left-out": LEFT_OUT,
    "null": None,
    "text": "text",
    "list": [[1], {}],
    "object": {"a": {"b": []}},
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -3,
    "fraction": 0.5,
    "nan": float("nan"),
    "infinity": float("inf"),
    "huge": HUGE,
}
"""What any entry is made."""

CONFIG_KEYS = (
    "architectures",
    "model_type",
    "dtype",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rope_parameters",
    "hidden_act",
    "rms_norm_eps",
    "tie_word_embeddings",
    "eos_token_id",
    "bos_token_id",
    "pad_token_id",
    "attention_bias",
    "text_config",
    "quantization_config",
    "num_local_experts",
    "layer_types",
    "sliding_window",
    "is_encoder_decoder",
    "transformers_version",
)
TOKENIZER_KEYS = ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model")
SETTINGS_KEYS = (
    "chat_template",
    "added_tokens_decoder",
    "bos_token",
    "eos_token",
    "model_max_length",
    "tokenizer_class",
    "extra_special_tokens",
)
GENERATION_KEYS = ("eos_token_id", "bos_token_id", "pad_token_id", "max_length", "transformers_version")
KEYS = {
    CONFIG: CONFIG_KEYS,
    TOKENIZER: TOKENIZER_KEYS,
    SETTINGS: SETTINGS_KEYS,
    GENERATION: GENERATION_KEYS,
}
READ = (CONFIG, TOKENIZER, SETTINGS, GENERATION, TEMPLATE, WEIGHTS, INDEX, SUMS, MANIFEST)
"""Every file that decides something."""


def odd_folders() -> dict[str, Change]:
    """All changes by name, in a fixed order. Each is made to a copy of a right folder."""
    return dict([*_keys(), *_contents(), *_kinds(), *_weights(), *_indexes(), *_templates()])


def odd_copy(folder: Path, copy: Path, change: Change) -> Path:
    """A copy of a right folder with one change."""
    shutil.copytree(folder, copy)
    change(copy)
    return copy


def ask(folder: Path) -> None:
    """Load a folder and ask the model one thing. Raises ModelError if it is no model."""
    from opro_local.catalogue import verify
    from opro_local.engine import load_engine
    from opro_local.llm import ChoiceRequest, Message

    verify(folder)
    engine = load_engine(folder, digest="odd", quantize="fp32", device="cpu")
    context = engine.encode([Message("user", "How late is it?")])
    engine.loglikelihood([ChoiceRequest(context=context, choices=((1,), (2, 3)))])


def _keys() -> Iterator[tuple[str, Change]]:
    for file, keys in KEYS.items():
        for key in keys:
            for said, value in VALUES.items():
                yield (
                    f"{file}:{key}:{said}",
                    partial(edit, file=file, key=key, value=value),
                )


def edit(folder: Path, *, file: str, key: str, value: object) -> None:
    """Change one entry of a JSON file, or leave it out; what is no file any more stays as it is."""
    path = folder / file
    if path.exists() and not path.is_file():
        return
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content[key] = value
    if value is LEFT_OUT:
        del content[key]
    path.write_text(json.dumps(content), encoding="utf-8")


def _contents() -> Iterator[tuple[str, Change]]:
    contents = {
        "empty": b"",
        "blank": b" \n",
        "no-json": b"{",
        "a-list": b"[]",
        "a-number": b"1",
        "null": b"null",
        "empty-object": b"{}",
        "utf-16": '{"a": 1}'.encode("utf-16"),
        "latin-1": b'{"a": "\xe9\xff"}',
        "null-bytes": bytes(64),
        "deep-lists": b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "deep-enough-to-parse": b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}",
        "deep-objects": b'{"a": ' * 900 + b"1" + b"}" * 900,
        "long-number": b'{"vocab_size": ' + b"9" * 5_000 + b"}",
        "lone-surrogate": b'{"model_type": "\\ud800"}',
    }
    for file in READ:
        for said, content in contents.items():
            yield (
                f"{file}:{said}",
                partial(write, file=file, content=content),
            )
        yield f"{file}:sparse", partial(_sparse, file=file)


def write(folder: Path, *, file: str, content: bytes) -> None:
    """Put a file into the place of another; what is no file any more stays as it is."""
    path = folder / file
    if path.is_file() or not path.exists():
        path.write_bytes(content)


def _sparse(folder: Path, *, file: str) -> None:
    with (folder / file).open("ab") as opened:
        opened.truncate(8 * 2**30)


def _kinds() -> Iterator[tuple[str, Change]]:
    kinds: dict[str, Change] = {
        "missing": Path.exists,  # nothing takes its place
        "fifo": os.mkfifo,
        "folder": Path.mkdir,
        "broken-link": lambda path: path.symlink_to(path.parent / "nowhere"),
        "link-to-itself": lambda path: path.symlink_to(path),
        "device": lambda path: path.symlink_to("/dev/zero"),
        "link-to-a-folder": lambda path: path.symlink_to(path.parent.parent),
    }
    names = (*READ, "special_tokens_map.json", "added_tokens.json", "README.md")
    for file in names:
        for said, make in kinds.items():
            yield f"{file}:{said}", partial(_replaced, file=file, make=make)
    for said in ("fifo", "broken-link", "folder"):
        make = kinds[said]
        yield f"additional:{said}", partial(_additional, make=make)


def _replaced(folder: Path, *, file: str, make: Change) -> None:
    path = folder / file
    path.unlink(missing_ok=True)
    make(path)


def _additional(folder: Path, *, make: Change) -> None:
    (folder / "additional_chat_templates").mkdir()
    make(folder / "additional_chat_templates" / "rag.jinja")


def _weights() -> Iterator[tuple[str, Change]]:
    headers: dict[str, dict[str, Any]] = {
        "no-tensor": {},
        "metadata-only": {"__metadata__": {"format": "pt"}},
        "metadata-is-a-list": {"__metadata__": [1]},
        "entry-is-text": {"a": "text"},
        "many-sides": {"a": {"dtype": "F32", "shape": [HUGE] * 50_000, "data_offsets": [0, 4]}},
        "no-sides": {"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}},
        "true-sides": {"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}},
        "zero-side": {"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}},
        "huge-offset": {"a": {"dtype": "F32", "shape": [HUGE], "data_offsets": [0, 4 * HUGE]}},
        "name-with-null": {"a\0b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        "surrogate-name": {"\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        "long-name": {"a" * 100_000: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        "other-names": {
            f"t{i}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i in range(20_000)
        },
    }
    for said, header in headers.items():
        yield f"weights:{said}", partial(write_header, header=header)
    for size in (0, 7, 8, 9, 2**40, 2**63):
        yield (
            f"weights:length-{size}",
            partial(write, file=WEIGHTS, content=size.to_bytes(8, "little") + b"{}"),
        )


def write_header(folder: Path, *, header: Mapping[str, Any]) -> None:
    """A safetensors file of one header and as many zeros as its first tensors need."""
    text = json.dumps(header).encode()
    spans = [entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry]
    (folder / WEIGHTS).write_bytes(
        len(text).to_bytes(8, "little") + text + bytes(min(max(spans, default=0), 2**20))
    )


def _indexes() -> Iterator[tuple[str, Change]]:
    maps: dict[str, object] = {
        "null": None,
        "list": ["a"],
        "numbers": {"a": 1},
        "nested": {"a": {"b": WEIGHTS}},
        "empty-name": {"a": ""},
        "outside": {"a": "../../etc/passwd"},
        "absolute": {"a": "/etc/passwd"},
        "null-byte": {"a": "a\0b"},
        "surrogate": {"a": "\ud800"},
        "long-name": {"a": "a" * 5_000},
        "unknown-tensor": {"a": WEIGHTS},
    }
    for said, placed in maps.items():
        yield (
            f"index:{said}",
            partial(write, file=INDEX, content=json.dumps({"weight_map": placed}).encode()),
        )


def _templates() -> Iterator[tuple[str, Change]]:
    templates = {
        "fails": "{{ messages.nobody.knows }}",
        "unfinished": "{% if messages %}",
        "no-text": "{{ messages[0]['content'] + 1 }}",
        "calls-itself": "{% macro a(n) %}{{ a(n + 1) }}{% endmacro %}{{ a(0) }}",
        "imports": "{% import 'os' as os %}",
        "deep": "{{ " + "(" * 300 + "1" + ")" * 300 + " }}",
        "deep-blocks": "{% if 1 %}" * 120 + "{% endif %}" * 120,
        "surrogates": "{{ '\\ud800' }}{{ messages[0].content }}",
        "says-nothing": "",
    }
    for said, text in templates.items():
        yield f"template:{said}", partial(write, file=TEMPLATE, content=text.encode())
    settings: dict[str, object] = {
        "names-are-lists": [{"name": ["a"], "template": "x"}],
        "names-are-objects": [{"name": {}, "template": {}}],
        "numbers": [1, 2],
        "default-is-a-number": [{"name": "default", "template": 1}],
    }
    for said, value in settings.items():
        yield f"template:{said}", partial(_templates_of_settings, value=value)
    yield "template:slow", partial(write, file=TEMPLATE, content=slow_template(200).encode())


def _templates_of_settings(folder: Path, *, value: object) -> None:
    (folder / TEMPLATE).unlink()
    edit(folder, file=SETTINGS, key="chat_template", value=value)


def slow_template(steps: int) -> str:
    """A template that says what was said, behind loops of steps times steps steps."""
    inner = "{% for a in range(" + str(steps) + ") %}" * 1
    loops = inner + inner.replace(" a ", " b ") + "{% set c = a * b %}" + "{% endfor %}{% endfor %}"
    return (
        loops + "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}<|start|>"
    )
