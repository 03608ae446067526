#!/usr/bin/env bash
# transformers 5.23.0 (gguf 0.19.0): a Mixtral in a GGUF file, which llama.cpp writes as architecture llama
#   with experts.
#
# Behaviour: expert_count and the tensors of the experts are ignored; a dense Llama comes up whose
#   feed-forward weights are random numbers. The missing weights are listed in a warning, no error is raised.
# Expected: a MixtralForCausalLM, or an error that says that experts are not supported.
# Seen: LlamaForCausalLM, and logits that differ by 0.08 between two loads with other seeds; by 0 without
#   experts.
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
ATTENTION = ("attn_q", "attn_k", "attn_v", "attn_output")


def write(path, experts):
    random = np.random.default_rng(0)
    tensors = {f"blk.0.{name}.weight": random.normal(size=(64, 64)) / 8 for name in ATTENTION}
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        whole, shape = (f"{name}_exps", (experts, 64, 64)) if experts else (name, (64, 64))
        tensors[f"blk.0.{whole}.weight"] = random.normal(size=shape) / 8
    if experts:
        tensors["blk.0.ffn_gate_inp.weight"] = random.normal(size=(experts, 64))
    tensors |= {f"blk.0.{name}.weight": np.ones(64) for name in ("attn_norm", "ffn_norm")}
    tensors |= {"output_norm.weight": np.ones(64), "token_embd.weight": random.normal(size=(32, 64))}
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in (
        SIZES | ({"expert_count": experts, "expert_used_count": 2} if experts else {})
    ).items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    for name, array in tensors.items():
        writer.add_tensor(name, array.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits(path, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(".", gguf_file=path, dtype=torch.float32)
    with torch.no_grad():
        return type(model).__name__, model(torch.arange(8)[None]).logits


found = []
for experts in (0, 4):
    write("tiny.gguf", experts)
    (name, first), (_, second) = logits("tiny.gguf", 0), logits("tiny.gguf", 1)
    found.append((name, (first - second).abs().max().item()))
    print(f"{experts} experts: {name}, largest gap in logits between two loads {found[-1][1]:.1e}")
(_, dense), (name, sparse) = found
sys.exit(0 if name == "LlamaForCausalLM" and dense == 0 and sparse > 1e-3 else 1)
PYTHON
