#!/usr/bin/env bash
# transformers 5.23.0 (gguf 0.19.0): GGUF files that say in their metadata how rope is scaled or how much is
#   rotated.
#
# Behaviour: rope.scaling.type, rope.scaling.factor and rope.dimension_count are dropped without a warning;
#   every model comes up with rope_type default and all dimensions rotated.
# Expected: the values of the file, as llama.cpp takes them (Gemma 3 from 4B on is linear by 8, Qwen2.5 may be
#   yarn by 4, Phi-4-mini rotates three quarters of a head), or an error.
# Seen: llama linear, qwen2 yarn and gemma3 linear: rope_type default, no factor; phi3 with 12 of 16: factor
#   1.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import sys

import gguf
from transformers import AutoConfig

SIZES = {"context_length": 256, "embedding_length": 64, "block_count": 6, "feed_forward_length": 64,
         "vocab_size": 32, "attention.head_count": 4, "attention.head_count_kv": 4, "attention.key_length": 16,
         "attention.value_length": 16, "attention.sliding_window": 8}  # fmt: skip


def rope_of(architecture, dimensions=16, kind=None, factor=1.0):
    """What a file's metadata become in the config."""
    writer = gguf.GGUFWriter("tiny.gguf", architecture)
    for key, value in SIZES.items():
        writer.add_uint32(f"{architecture}.{key}", value)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(dimensions)
    if kind is not None:
        writer.add_rope_scaling_type(kind)
        writer.add_rope_scaling_factor(factor)
        writer.add_rope_scaling_orig_ctx_len(64)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    rope = AutoConfig.from_pretrained(".", gguf_file="tiny.gguf").rope_parameters
    return rope.get("full_attention", rope)  # Gemma 3 has one for each kind of layer


linear, yarn = gguf.RopeScalingType.LINEAR, gguf.RopeScalingType.YARN
scaled = {"llama": (linear, 4.0), "qwen2": (yarn, 4.0), "gemma3": (linear, 8.0)}
described = []
for architecture, (kind, factor) in scaled.items():
    rope = rope_of(architecture, kind=kind, factor=factor)
    print(f"{architecture}, {kind.value} by {factor}: {rope}")
    described.append(rope["rope_type"] == "default" and "factor" not in rope)
partial = rope_of("phi3", dimensions=12)
print(f"phi3, 12 of 16 dimensions: {partial}")
sys.exit(0 if all(described) and partial.get("partial_rotary_factor", 1.0) == 1.0 else 1)
PYTHON
