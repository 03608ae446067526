#!/usr/bin/env bash
# transformers 5.23.0 (gguf 0.19.0): a GGUF file whose tokenizer.ggml.pre it does not know.
#
# Behaviour: the split it does not know becomes GPT-2's, without a warning. smollm, starcoder and refact
#   (digits one by one) are such names.
# Expected: the split that the name stands for, as llama.cpp has it, or an error that names it.
# Seen for "at 12 at": llama.cpp (xllamacpp 2026.10.11549) has at Ġ 1 2 Ġ at, transformers at Ġ12 Ġ at, as
#   with the name gpt-2, and logs nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 xllamacpp==2026.10.11549
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import json
import sys
from urllib.request import Request, urlopen

import gguf
import numpy as np
import xllamacpp
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer

TOKENS = ["<|end|>", *sorted(ByteLevel.alphabet()), "at", "12", "Ġ12"]
SIZES = {"context_length": 64, "embedding_length": 64, "block_count": 1, "feed_forward_length": 64,
         "attention.head_count": 4, "attention.head_count_kv": 4, "rope.dimension_count": 16}  # fmt: skip


def write(path, pre):
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in SIZES.items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(["a t", "1 2", "Ġ 12"])
    writer.add_eos_token_id(0)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(64, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones((64, 64), np.float32))
    writer.add_tensor("output_norm.weight", np.ones(64, np.float32))
    writer.add_tensor("token_embd.weight", np.ones((len(TOKENS), 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(path, text):
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.warmup, settings.port, settings.verbosity = (
        path,
        64,
        False,
        0,
        -1,
    )
    server = xllamacpp.Server(settings)
    body = json.dumps({"content": text, "add_special": False}).encode()
    with urlopen(
        Request(f"{server.listening_address}/tokenize", body, {"Content-Type": "application/json"})
    ) as reply:
        return [TOKENS[number] for number in json.load(reply)["tokens"]]


described = []
for pre in ("gpt-2", "smollm", "starcoder", "refact"):
    write(f"{pre}.gguf", pre)
    theirs = llama_cpp(f"{pre}.gguf", "at 12 at")
    ours = AutoTokenizer.from_pretrained(".", gguf_file=f"{pre}.gguf").tokenize("at 12 at")
    print(f"{pre}: llama.cpp {theirs}, transformers {ours}")
    described.append((theirs != ours) == (pre != "gpt-2"))
sys.exit(0 if all(described) else 1)
PYTHON
