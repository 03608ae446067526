#!/usr/bin/env bash
# tokenizers 0.23.3: a token of tokenizer_config.json with a key that the library does not know.
#
# Behaviour: it prints a line to standard output, from compiled code: contextlib.redirect_stdout does not hold it, and
#   a program that prints JSON prints no JSON any more. transformers passes every key of added_tokens_decoder on.
# Expected: a warning by Python's warnings or logging, or on standard error.
# Seen: "Ignored unknown kwarg option colour" on standard output.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet tokenizers==0.23.3
venv/bin/python - >out 2>err <<'PYTHON'
import contextlib
import io

from tokenizers import AddedToken

with contextlib.redirect_stdout(io.StringIO()) as held:
    AddedToken("<|end|>", special=True, colour="blue")
assert held.getvalue() == ""
PYTHON
echo "standard output: $(cat out)"
echo "standard error: $(cat err)"
test "$(cat out)" = "Ignored unknown kwarg option colour"
test ! -s err
