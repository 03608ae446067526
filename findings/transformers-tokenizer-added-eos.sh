#!/usr/bin/env bash
# transformers 5.23.0 (tokenizers 0.23.3): a special token that tokenizer_config.json names and tokenizer.json
#   lacks.
#
# Behaviour: the token is added with the next free id, without a warning: an id beyond the model's embedding.
# Expected: None as the id, an error, or at least a warning, as the checkpoint has no such token.
# Seen for a vocabulary of 3 and eos_token "<|end|>": eos_token_id 3, and "a <|end|>" becomes [1, 3], where
#   the embedding has rows 0 to 2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet transformers==5.23.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

whole = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1, "b": 2}, unk_token="<unk>"))
whole.pre_tokenizer = pre_tokenizers.Whitespace()
whole.save("tokenizer.json")
config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "eos_token": "<|end|>"}
Path("tokenizer_config.json").write_text(json.dumps(config))

tokenizer = AutoTokenizer.from_pretrained(".")
ids = tokenizer("a <|end|>")["input_ids"]
print(f"vocabulary {whole.get_vocab_size()}, eos_token_id {tokenizer.eos_token_id}, ids {ids}")
sys.exit(0 if tokenizer.eos_token_id == 3 and ids == [1, 3] else 1)
PYTHON
