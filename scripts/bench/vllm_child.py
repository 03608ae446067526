"""Scores trie nodes with vLLM; started by vllm_peer.py under a Python that has vllm and not this project.

It reads JSON lines and answers each with one. The first line holds the keyword arguments of vllm.LLM and is
answered when the model stands. Every other line is one repetition: `warm` and `nodes`, lists of [prompt ids,
ids of wanted next tokens]. The prefix cache is emptied, `warm` runs untimed, `nodes` is timed.
"""

import json
import os
import sys
import time
from typing import TextIO

Node = tuple[list[int], list[int]]


def main() -> None:
    answers = private_stdout()
    from vllm import LLM, SamplingParams

    llm = LLM(**json.loads(sys.stdin.readline()))

    def run(nodes: list[Node]) -> list[list[float]]:
        params = [
            SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=wanted, detokenize=False)
            for _, wanted in nodes
        ]
        outputs = llm.generate([{"prompt_token_ids": ids} for ids, _ in nodes], params, use_tqdm=False)
        found = [output.outputs[0].logprobs[0] for output in outputs]
        return [
            [first[token].logprob for token in wanted]
            for first, (_, wanted) in zip(found, nodes, strict=True)
        ]

    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        llm.reset_prefix_cache()
        if task["warm"]:
            run(task["warm"])
        start = time.perf_counter()
        log_probs = run(task["nodes"])
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "log_probs": log_probs}), file=answers, flush=True)


def private_stdout() -> TextIO:
    """The real stdout; whatever libraries print, in C too, goes to stderr from now on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
