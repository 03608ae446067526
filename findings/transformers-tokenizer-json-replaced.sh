#!/usr/bin/env bash
# transformers 5.23.0 (tokenizers 0.23.3): AutoTokenizer does not use the tokenizer.json it loads.
#
# Behaviour: where tokenizer_config.json names GPT2Tokenizer or Qwen2Tokenizer, vocabulary and merges are
#   taken from tokenizer.json, but its normaliser and pre-tokenizer are replaced by the defaults of the class,
#   without a warning.
# Expected: tokenizer.json describes the whole tokenizer, so that the ids are those of tokenizers itself.
# Seen for "AT 12", with a tokenizer.json that lowers and takes digits one by one (at Ġ 1 2): A T Ġ12 from
#   GPT2Tokenizer, A T Ġ 1 2 from Qwen2Tokenizer; PreTrainedTokenizerFast, which is no model's class, keeps to
#   the file.
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

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
tokens = ["<|endoftext|>", *alphabet, "at", "12", "Ġ12"]
merges = [("a", "t"), ("1", "2"), ("Ġ", "12")]
whole = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
whole.normalizer = normalizers.Lowercase()
whole.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
whole.decoder = decoders.ByteLevel()
whole.add_special_tokens(["<|endoftext|>"])


def loaded(name):
    folder = Path(name)
    folder.mkdir()
    whole.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": name, "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return AutoTokenizer.from_pretrained(folder)


text = "AT 12"
right = whole.encode(text).tokens
print(f"tokenizers: {right}")
cuts = {
    name: loaded(name).tokenize(text)
    for name in ("GPT2Tokenizer", "Qwen2Tokenizer", "PreTrainedTokenizerFast")
}
for name, cut in cuts.items():
    print(f"{name}: {cut}")
same = cuts.pop("PreTrainedTokenizerFast") == right
sys.exit(0 if same and all(cut != right for cut in cuts.values()) else 1)
PYTHON
