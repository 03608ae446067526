#!/usr/bin/env bash
# bitsandbytes 0.50.2 (torch 2.13.0) on a CPU with avx512_bf16: Linear4bit does not compute in its
#   compute_dtype.
#
# Behaviour: in evaluation, inputs, scales and products are rounded to bfloat16, whatever compute_dtype says.
# Expected: with compute_dtype=torch.float32, the product with the dequantised weights to about 1e-6, as in
#   training.
# Seen for 128 x 128 weights, as largest error in units of the largest output: 4e-3 in evaluation, 0 in
#   training.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 bitsandbytes==0.50.2 numpy
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import sys

import torch
from bitsandbytes.functional import dequantize_4bit, has_avx512bf16
from bitsandbytes.nn import Linear4bit, Params4bit

if not has_avx512bf16():
    print("not seen on this CPU: it has no avx512_bf16")
    sys.exit(0)
torch.manual_seed(0)
layer = Linear4bit(
    128, 128, bias=False, compute_dtype=torch.float32, compress_statistics=False, quant_type="nf4"
)
layer.to("cpu")
weights = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
inputs = torch.randn(8, 128)
right = inputs @ weights.T


def error():
    with torch.no_grad():
        return ((layer(inputs) - right).abs().max() / right.abs().max()).item()


layer.train()
training = error()
layer.eval()
evaluation = error()
print(
    f"error in training {training:.1e}, in evaluation {evaluation:.1e}, compute_dtype {layer.compute_dtype}"
)
sys.exit(0 if training < 1e-5 and evaluation > 1e-3 else 1)
PYTHON
