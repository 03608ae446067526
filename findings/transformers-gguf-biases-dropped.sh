#!/usr/bin/env bash
# transformers 5.23.0 (gguf 0.19.0): a GGUF file of architecture llama whose attention has biases.
#
# Behaviour: attn_q.bias and its fellows are dropped; config.attention_bias stays False, and nothing is
#   logged, as the tensors do not even count as unexpected.
# Expected: attention_bias True and the biases loaded, as for the same model in safetensors, or an error.
# Seen: attention_bias False, and the same logits with biases of 0 and of 1 in the file.
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


def write(path, bias):
    random = np.random.default_rng(0)
    tensors = {f"blk.0.{name}.weight": random.normal(size=(64, 64)) / 8 for name in MATRICES}
    tensors |= {f"blk.0.{name}.weight": np.ones(64) for name in ("attn_norm", "ffn_norm")}
    tensors |= {"output_norm.weight": np.ones(64), "token_embd.weight": random.normal(size=(32, 64))}
    tensors |= {
        f"blk.0.{name}.bias": np.full(64, bias) for name in ("attn_q", "attn_k", "attn_v", "attn_output")
    }
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
        return model.config.attention_bias, model(torch.arange(32)[None]).logits


found = []
for bias in (0, 1):
    write("tiny.gguf", bias)
    found.append(loaded("tiny.gguf"))
    print(f"biases of {bias}: attention_bias {found[-1][0]}, sum of logits {found[-1][1][0, -1].sum():.6f}")
(flag, without), (flag_with, with_biases) = found
sys.exit(0 if not flag and not flag_with and torch.equal(without, with_biases) else 1)
PYTHON
