"""Reads a GGUF file with llama.cpp; started by llama_cpp.py under a Python that has xllamacpp.

It reads JSON lines and answers each with one. The first names the file and is answered when the model stands.
`texts` are tokenised as a prompt is (with a start token if the file asks for one, control tokens as text);
`prompts`, lists of ids, are answered with the ids and log-probabilities of the `top` likeliest next tokens.

The server tells likelihoods beside a token that it has written, and does not write part of a letter: it is
made to write a letter, which changes nothing of what the model finds likely. Weights are used as they are
stored, the cache is F32, attention plain. The context is short, because some models choose their rope by it.
"""

import json
import os
import sys
import urllib.request
from typing import Any, TextIO

CONTEXT = 256
"""Tokens; contexts of imports.py are shorter."""


def main() -> None:
    answers = private_stdout()
    import xllamacpp

    server = started(xllamacpp, json.loads(sys.stdin.readline())["model"])
    version = getattr(xllamacpp, "__version__", "unknown")
    print(json.dumps({"ready": True, "version": version}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if "texts" in task:
            answer: dict[str, Any] = {"ids": [tokens(server, text) for text in task["texts"]]}
        else:
            answer = {"tops": [likeliest(server, ids, task["top"]) for ids in task["prompts"]]}
        print(json.dumps(answer), file=answers, flush=True)


def started(xllamacpp: Any, model: str) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx, params.n_parallel, params.n_gpu_layers = CONTEXT, 1, 0
    params.warmup, params.verbosity, params.no_extra_bufts = False, -1, True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(params)


def tokens(server: Any, text: str) -> list[int]:
    body = json.dumps({"content": text, "add_special": True, "parse_special": False}).encode()
    request = urllib.request.Request(
        f"{server.listening_address}/tokenize", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return list(json.load(answer)["tokens"])


def likeliest(server: Any, ids: list[int], top: int) -> list[tuple[int, float]]:
    letter = tokens(server, "a")[-1]
    asked = {
        "prompt": ids,
        "logit_bias": [[letter, 1e6]],
        "n_predict": 1,
        "n_probs": top,
        "temperature": 0.0,
        "samplers": [],
        "cache_prompt": False,
    }
    answer = server.handle_completions(asked)
    answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
    (choice,) = answer["choices"]
    return [(each["id"], each["logprob"]) for each in choice["logprobs"]["content"][0]["top_logprobs"]]


def private_stdout() -> TextIO:
    """Standard output for answers alone; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
