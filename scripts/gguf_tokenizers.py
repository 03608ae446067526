"""How many of some varied texts get llama.cpp's ids from the tokenizer built of a GGUF file.

    pip install xllamacpp
    python scripts/gguf_tokenizers.py FILE.gguf ...

Prints a JSON object a file: texts, equal (with and without the start token, control tokens taken as such or
as text), and the first texts that differ. llama.cpp gets text in NFC where the tokenizer composes it itself.
"""

import json
import random
import sys
import tempfile
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.request import Request, urlopen

import gguf
from transformers import PreTrainedTokenizerFast

from opro_local.engine.gguf.pretokenizers import CUTS
from opro_local.engine.gguf.tokenizer import write_tokenizer

LINES = (
    "In 2024, 1,234,567 people paid $3.50 (or 1e-9); they're NOT here, WE'LL say it's 'd. HelloWorld",
    "snake_case",
    "caf\xe9 cafe\u0301 \xc9COLE na\xefve Stra\xdfe \xbd \xb2 \u2167 \u017elu\u0165ou\u010dk\xfd",
    "Ti\u1ebfng Vi\u1ec7t",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430?",
    "\u03b1\u03b2\u03b3 \u039a\u03cc\u03c3\u03bc\u03b5",
    "\u4f60\u597d\uff0c\u4e16\u754c\u30022024\u5e743\u6708 \u6771\u4eac\u30bf\u30ef\u30fc",
    "\uc548\ub155\ud558\uc138\uc694",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0645\u0631\u062d\u0628\u0627 \u0663\u0664",
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0967\u0968",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "\u2200x\u2208\u211d: x\xb2 \u2260 \u221ey",
    'def f(x):\n    return x**2  # {"a": [1, 2.5]}\n\n\tprint(f"{x:>10}")\r\nif a != b: c += 1; /*',
    "*/ // <p>",
    "<|im_start|>user\nHi<|im_end|>\n<s>[INST] a [/INST]</s>",
    "<start_of_turn>model\n<|eot_id|><unk><pad><0x0A>",
    "\xa0a\xa0\xa0b\u3000c\u200bd\u2028e\x85f\ufeff \u2581g \x00\x07\x1f \ue000 \ufffd ... !!! --- ___",
    "'''",
)
BLANKS = (
    " ",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    "\n\n\n",
    " \n",
    "\r\n",
    "",
    "1",
    "23",
    "456",
    "7890",
    "'s",
    "'LL",
)


def varied_texts() -> list[str]:
    """The lines, their parts and mixtures of them: 300 texts, the same at each call."""
    random_of = random.Random(0)
    words = [word for line in LINES for word in line.split(" ")]
    texts = ["", " ", "\n", "a", " a", "a ", " " * 70, "\n" * 40, "1" * 50, "ab" * 400, *LINES, *words]
    while len(texts) < 300:
        picked = [random_of.choice(words) + random_of.choice(BLANKS) for _ in range(random_of.randint(2, 14))]
        texts.append("".join(picked))
    return texts


def compared(file: Path) -> dict[str, object]:
    """The figures of one file."""
    metadata = {key: field.contents() for key, field in gguf.GGUFReader(file).fields.items()}
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(metadata, Path(folder), context_length=4096)
        tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(folder)
    cuts = CUTS.get(metadata.get("tokenizer.ggml.pre", "default"))
    composed = metadata["tokenizer.ggml.model"] == "gpt2" and cuts is not None and cuts.composed
    server = _server(file)  # it stops when nothing refers to it
    address = f"{server.listening_address}/tokenize"
    texts = varied_texts()
    other = [text for text in texts if not _equal(tokenizer, address, text, composed=composed)]
    return {"file": file.name, "texts": len(texts), "equal": len(texts) - len(other), "other": other[:5]}


def _equal(tokenizer: Any, address: str, text: str, *, composed: bool) -> bool:
    asked = normalize("NFC", text) if composed else text
    return all(
        tokenizer(text, add_special_tokens=start, split_special_tokens=not parsed).input_ids
        == _llama_cpp_ids(address, asked, start=start, parsed=parsed)
        for start, parsed in product((True, False), repeat=2)
    )


def _llama_cpp_ids(address: str, text: str, *, start: bool, parsed: bool) -> list[int]:
    body = json.dumps({"content": text, "add_special": start, "parse_special": parsed}).encode()
    with urlopen(Request(address, body, {"Content-Type": "application/json"})) as reply:
        return list(json.load(reply)["tokens"])


def _server(file: Path) -> Any:
    xllamacpp: Any = import_module("xllamacpp")  # no dependency of the project
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel = str(file), 64, 1
    settings.warmup, settings.port, settings.verbosity = False, 0, -1
    return xllamacpp.Server(settings)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(compared(Path(name))))
