#!/usr/bin/env bash
# bitsandbytes 0.50.2 (torch 2.13.0) on a CPU with avx512_bf16: Linear4bit with a width that is no multiple of
#   32.
#
# Behaviour: in evaluation it raises AssertionError for outputs that are no multiple of 32, and RuntimeError
#   for inputs that are no multiple of the block size of 64; in training the same layers run.
# Expected: evaluation takes what training takes; where the fast kernel does not fit, the general one runs.
# Seen: 40 outputs: AssertionError: N must be divisible by block_n; 96 inputs: RuntimeError: shape is invalid.
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


def outcome(inputs, outputs, *, training):
    layer = Linear4bit(inputs, outputs, bias=False, compute_dtype=torch.float32, quant_type="nf4").to("cpu")
    layer.train(training)
    try:
        with torch.no_grad():
            layer(torch.randn(2, inputs))
    except (AssertionError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return "runs"


described = []
for inputs, outputs in ((128, 64), (128, 40), (96, 64)):
    training, evaluation = (outcome(inputs, outputs, training=value) for value in (True, False))
    print(f"{inputs} inputs, {outputs} outputs: training: {training}; evaluation: {evaluation}")
    fits = inputs % 64 == 0 and outputs % 32 == 0
    described.append(training == "runs" and (evaluation == "runs") == fits)
sys.exit(0 if all(described) else 1)
PYTHON
