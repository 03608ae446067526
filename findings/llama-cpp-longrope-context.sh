#!/usr/bin/env bash
# llama.cpp (xllamacpp 2026.10.11549): the rope factors of a longrope model such as Phi-3 with a long context.
#
# Behaviour: the long factors are taken when the context that was asked for (n_ctx) is larger than the
#   original one, the short factors otherwise; how long the prompt is does not matter.
# Expected: as the model was trained, and as transformers has it: short factors up to the original context
#   length, so that more room changes nothing for a short prompt.
# Seen for a prompt of 20 tokens, original context 256: largest gap in log-probability between n_ctx 128 and
#   256 0, between 256 and 512 7; with long factors equal to the short ones 0 as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet tokenizers==0.23.3 gguf==0.19.0 xllamacpp==2026.10.11549
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import json
import sys

import gguf
import numpy as np
import xllamacpp
from tokenizers.pre_tokenizers import ByteLevel

TOKENS = ["<|end|>", *sorted(ByteLevel.alphabet()), "he"]
SIZES = {"context_length": 1024, "embedding_length": 64, "block_count": 1, "feed_forward_length": 64,
         "attention.head_count": 4, "attention.head_count_kv": 4, "rope.dimension_count": 16,
         "rope.scaling.original_context_length": 256}  # fmt: skip
SHAPES = {"attn_qkv": (192, 64), "attn_output": (64, 64), "ffn_up": (128, 64), "ffn_down": (64, 64)}
PROMPT = list(range(20, 40))


def write(path, long_factor):
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "phi3")
    for key, value in SIZES.items():
        writer.add_uint32(f"phi3.{key}", value)
    writer.add_float32("phi3.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(["h e"])
    writer.add_eos_token_id(0)
    for name, shape in SHAPES.items():
        writer.add_tensor(f"blk.0.{name}.weight", random.normal(size=shape).astype(np.float32) / 4)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
    writer.add_tensor("rope_factors_short.weight", np.ones(8, np.float32))
    writer.add_tensor("rope_factors_long.weight", np.full(8, long_factor, np.float32))
    for name in ("token_embd", "output"):
        writer.add_tensor(f"{name}.weight", random.normal(size=(len(TOKENS), 64)).astype(np.float32) / 4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(path, room):
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel, settings.verbosity = path, room, 1, -1
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
    return np.array(
        [{entry["id"]: entry["logprob"] for entry in top}[number] for number in range(len(TOKENS))]
    )


gaps = {}
for factor in (1, 4):
    write(f"{factor}.gguf", factor)
    found = {room: llama_cpp(f"{factor}.gguf", room) for room in (128, 256, 512)}
    for one, other in ((128, 256), (256, 512)):
        gaps[factor, other] = np.abs(found[one] - found[other]).max()
        print(f"long factors {factor}: n_ctx {one} to {other}: largest gap {gaps[factor, other]:.1e}")
sys.exit(0 if gaps.pop((4, 512)) > 0.01 and max(gaps.values()) < 1e-4 else 1)
PYTHON
