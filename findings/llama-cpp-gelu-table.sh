#!/usr/bin/env bash
# llama.cpp (xllamacpp 2026.10.11549) on a CPU: GELU of a model whose weights are all F32.
#
# Behaviour: GELU is looked up in a table of 16-bit floats: input and result are rounded to half precision.
# Expected: single precision, as everywhere else in an F32 model with F32 keys and values.
# Seen for a tiny Gemma 3, largest gap in log-probability to transformers 5.23.0 in fp32: 5e-4; with GELU
#   rounded to half precision in transformers too: 1e-5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0 \
  xllamacpp==2026.10.11549
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import json
import sys

import gguf
import numpy as np
import torch
import xllamacpp
from tokenizers.pre_tokenizers import ByteLevel
from torch.nn.functional import gelu
from transformers import AutoModelForCausalLM

TOKENS = ["<|end|>", *sorted(ByteLevel.alphabet()), "he"]
SIZES = {"context_length": 64, "embedding_length": 64, "block_count": 1, "feed_forward_length": 64,
         "attention.head_count": 1, "attention.head_count_kv": 1, "attention.key_length": 256,
         "attention.value_length": 256, "attention.sliding_window": 64}  # fmt: skip
SHAPES = {"attn_q": (256, 64), "attn_k": (256, 64), "attn_v": (256, 64), "attn_output": (64, 256),
          "ffn_gate": (64, 64), "ffn_up": (64, 64), "ffn_down": (64, 64)}  # fmt: skip
NORMS = {"attn_norm": 64, "post_attention_norm": 64, "ffn_norm": 64, "post_ffw_norm": 64,
         "attn_q_norm": 256, "attn_k_norm": 256}  # fmt: skip
PROMPT = list(range(20, 40))


def write(path):
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "gemma3")
    for key, value in SIZES.items():
        writer.add_uint32(f"gemma3.{key}", value)
    writer.add_float32("gemma3.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(["h e"])
    writer.add_eos_token_id(0)
    for name, shape in SHAPES.items():
        writer.add_tensor(f"blk.0.{name}.weight", random.normal(size=shape).astype(np.float32) / 4)
    for name, size in NORMS.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(size, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(64, np.float32))
    writer.add_tensor("token_embd.weight", random.normal(size=(len(TOKENS), 64)).astype(np.float32) / 4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(path):
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel, settings.verbosity = path, 64, 1, -1
    settings.warmup, settings.no_extra_bufts = False, True
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(settings)
    request = {
        "prompt": PROMPT,
        "n_predict": 1,
        "n_probs": len(TOKENS),
        "samplers": [],
        "logit_bias": [[50, 100.0]],
    }
    reply = server.handle_completions(request)
    reply = json.loads(reply) if isinstance(reply, (str, bytes)) else reply
    reply = reply[0] if isinstance(reply, list) else reply
    top = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return torch.tensor(
        [{entry["id"]: entry["logprob"] for entry in top}[number] for number in range(len(TOKENS))]
    )


def rounded(numbers):
    return gelu(numbers.half().float(), approximate="tanh").half().float()


write("tiny.gguf")
theirs = llama_cpp("tiny.gguf")
model = AutoModelForCausalLM.from_pretrained(".", gguf_file="tiny.gguf", dtype=torch.float32).eval()
activation = model.model.layers[0].mlp.act_fn
gaps = []
for name, forward in (("single", activation.forward), ("half", rounded)):
    activation.forward = forward
    with torch.no_grad():
        gaps.append((model(torch.tensor([PROMPT])).logits[0, -1].log_softmax(-1) - theirs).abs().max().item())
    print(f"GELU in {name} precision: largest gap in log-probability {gaps[-1]:.1e}")
sys.exit(0 if gaps[0] > 10 * gaps[1] else 1)
PYTHON
