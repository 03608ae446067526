"""Made-up models on disk: folders that look like a model, a real tiny GGUF file, wheels."""

import base64
import hashlib
import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType
from zipfile import ZipFile

from opro_local.catalogue.safetensors_header import BITS


def write_model_folder(
    folder: Path, config: Mapping[str, object] = MappingProxyType({}), *, weights: bytes = b"weight"
) -> Path:
    """A folder that passes every check short of loading it; its one tensor has the bytes of weights."""
    folder.mkdir(parents=True)
    plain = {"model_type": "llama", "dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps({**plain, **config}))
    write_safetensors(folder / "model.safetensors", {"x": ("BF16", [len(weights) // 2])}, content=weights)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# Tiny\n")
    return folder


def write_safetensors(
    path: Path, tensors: dict[str, tuple[str, list[int]]], *, content: bytes | None = None
) -> Path:
    """A file with these types and shapes by name, full of zeros unless content is given."""
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + (bytes(end) if content is None else content))
    return path


def write_wheel(folder: Path, distribution: str, files: dict[str, bytes], *, tampered: str = "") -> Path:
    """A wheel with its RECORD; the file named tampered differs from what RECORD says."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{distribution}-1.0-py3-none-any.whl"
    info = f"{distribution}-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={_record_hash(content)},{len(content)}\n" for name, content in files.items()
    )
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content[::-1] if name == tampered else content)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def _record_hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def write_gguf(path: Path, *, template: str | None) -> Path:
    """A random Llama of one layer with a byte-level tokenizer; everything that an import needs."""
    import gguf
    import numpy as np

    tokens = ["<|end|>", "<|start|>", *_byte_alphabet(), "he", "ll"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_license("mit")
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(128)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(32)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))  # 3 marks a control token
    writer.add_token_merges(["h e", "l l"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(0)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(0)
    for name, shape in _shapes(len(tokens)).items():
        scale = 0.05 if len(shape) == 2 else 1.0  # small enough that attention does not pick single tokens
        writer.add_tensor(name, (scale * random.normal(size=shape)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _byte_alphabet() -> list[str]:
    """GPT-2's 256 printable stand-ins for bytes."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    return {
        "token_embd.weight": (vocabulary, 64),
        "output_norm.weight": (64,),
        "blk.0.attn_norm.weight": (64,),
        "blk.0.attn_q.weight": (64, 64),
        "blk.0.attn_k.weight": (32, 64),
        "blk.0.attn_v.weight": (32, 64),
        "blk.0.attn_output.weight": (64, 64),
        "blk.0.ffn_norm.weight": (64,),
        "blk.0.ffn_gate.weight": (128, 64),
        "blk.0.ffn_up.weight": (128, 64),
        "blk.0.ffn_down.weight": (64, 128),
    }
