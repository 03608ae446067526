#!/usr/bin/env bash
# transformers 5.23.0 (gguf 0.19.0): a GGUF file with rope_freqs.weight, as llama.cpp writes for Llama 3.1,
#   3.2 and 3.3.
#
# Behaviour: the tensor is dropped without a word, and the config's rope_type stays default: the model is run
#   without its rope scaling.
# Expected: rope_type llama3 with its four numbers, or frequencies divided by the tensor, or an error.
# Seen: rope_type default, and the same logits with factors of 1 and of 8 in the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import sys

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

SIZES = {"context_length": 64, "embedding_length": 64, "block_count": 1, "feed_forward_length": 64,
         "vocab_size": 32, "attention.head_count": 4, "attention.head_count_kv": 4, "rope.dimension_count": 16}  # fmt: skip
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def write(path, factor):
    random = np.random.default_rng(0)
    tensors = {f"blk.0.{name}.weight": random.normal(size=(64, 64)) / 8 for name in MATRICES}
    tensors |= {f"blk.0.{name}.weight": np.ones(64) for name in ("attn_norm", "ffn_norm")}
    tensors |= {"output_norm.weight": np.ones(64), "token_embd.weight": random.normal(size=(32, 64))}
    tensors["rope_freqs.weight"] = np.array(
        [1] * 4 + [factor] * 4
    )  # one factor per pair of a head's 16 dimensions
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in SIZES.items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    for name, array in tensors.items():
        writer.add_tensor(name, array.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def loaded(path):
    model = AutoModelForCausalLM.from_pretrained(".", gguf_file=path, dtype=torch.float32)
    with torch.no_grad():
        return model.config.rope_parameters["rope_type"], model(torch.arange(32)[None]).logits


found = []
for factor in (1, 8):
    write("tiny.gguf", factor)
    found.append(loaded("tiny.gguf"))
    print(f"factor {factor}: rope_type {found[-1][0]}, sum of logits {found[-1][1][0, -1].sum():.6f}")
(kind, plain), (kind_scaled, scaled) = found
sys.exit(0 if kind == kind_scaled == "default" and torch.equal(plain, scaled) else 1)
PYTHON
