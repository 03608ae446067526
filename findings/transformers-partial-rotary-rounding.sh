#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): partial_rotary_factor cuts one rotated dimension off by rounding.
#
# Behaviour: the number of rotated dimensions is int(head_dim * factor). 44 * (30 / 44) is just below 30 in
#   floating point, so that it becomes 29: the frequencies are theta ** (-2i / 29), all but the first wrong.
# Expected: round(head_dim * factor), so that factor = dims / head_dim gives dims back.
# Seen in Phi3 and GPTNeoX, heads of 44 with 30 rotated: 15 frequencies, off by up to 26 %; with 32 rotated:
#   none off.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 transformers==5.23.0
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import sys

import torch
from transformers import AutoModel, GPTNeoXConfig, Phi3Config

THETA, HEAD = 10000.0, 44


def frequencies(kind, dims):
    sizes = {"vocab_size": 8, "hidden_size": 2 * HEAD, "num_attention_heads": 2, "num_hidden_layers": 1}
    rope = {"rope_type": "default", "rope_theta": THETA, "partial_rotary_factor": dims / HEAD}
    config = kind(**sizes, intermediate_size=16, pad_token_id=0, rope_parameters=rope)
    return AutoModel.from_config(config).rotary_emb.inv_freq


gaps = {}
for kind in (Phi3Config, GPTNeoXConfig):
    for dims in (30, 32):
        found = frequencies(kind, dims)
        right = THETA ** (-torch.arange(0, dims, 2) / dims)
        gaps[kind, dims] = (found / right - 1).abs().max().item()
        print(f"{kind.__name__}, {dims} of {HEAD}: {len(found)} frequencies, off by {gaps[kind, dims]:.1%}")
pairs = [(dims, head) for head in range(2, 257, 2) for dims in range(2, head, 2)]
short = sum(int(head * (dims / head)) < dims for dims, head in pairs)
print(f"{short} of {len(pairs)} pairs of even sizes up to 256 lose one")
sys.exit(0 if all((gap > 0.01) == (dims == 30) for (_, dims), gap in gaps.items()) else 1)
PYTHON
