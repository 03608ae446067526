#!/usr/bin/env bash
# transformers 5.23.0 (tokenizers 0.23.3): a fast tokenizer called with an empty list, and an empty list
#   decoded.
#
# Behaviour: tokenizer([]) raises IndexError; batch_decode([]) returns a list of one empty text.
# Expected: an empty batch each way, as encode_batch([]) and decode_batch([]) of tokenizers give.
# Seen: IndexError: list index out of range, with and without padding; batch_decode([]) is [''].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet transformers==5.23.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import sys

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

whole = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1, "b": 2}, unk_token="<unk>"))
whole.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, pad_token="<unk>")


def outcome(texts, **options):
    try:
        return tokenizer(texts, **options)["input_ids"]
    except IndexError as error:
        return f"IndexError: {error}"


found = [outcome([]), outcome([], padding=True)]
print(f"one text: {outcome(['a b'])}; none: {found[0]}; none, padded: {found[1]}")
print(
    f"decoded: {tokenizer.batch_decode([])}; tokenizers: {whole.encode_batch([])}, {whole.decode_batch([])}"
)
described = all(str(ids).startswith("IndexError") for ids in found) and tokenizer.batch_decode([]) == [""]
sys.exit(0 if described and whole.encode_batch([]) == whole.decode_batch([]) == [] else 1)
PYTHON
