"""vLLM in a child process under another Python, in its strongest form: with its prefix cache, one request a
place where a next token is scored.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.children import Child, child_process
from bench.contestants import Trial
from bench.deadline import UNBOUNDED, Deadline
from bench.workloads import Step
from opro_local.llm import ChoiceRequest, TokenIds

CHILD = Path(__file__).with_name("vllm_child.py")


@contextmanager
def vllm(python: Path, *, folder: Path, dtype: str) -> Iterator["Vllm"]:
    """A child with the model loaded, for as long as the context lasts. Raises ModelError."""
    threads = f"0-{(os.cpu_count() or 1) - 1}"
    environment = {"VLLM_CPU_OMP_THREADS_BIND": threads, "VLLM_CPU_KVCACHE_SPACE": "4"}
    with child_process("vLLM", python, CHILD, environment) as child:
        child.ask(
            {
                "model": str(folder),
                "dtype": dtype,
                "enable_prefix_caching": True,
                "block_size": 32,
                "max_num_batched_tokens": 4096,
                "max_num_seqs": 256,
                "skip_tokenizer_init": True,
            }
        )
        yield Vllm(child)


@dataclass(frozen=True, slots=True)
class Vllm:
    """A contestant by what its child answers."""

    child: Child
    name: str = "vllm"

    def takes(self, step: Step) -> bool:
        return bool(step.choices) and self.child.alive

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        nodes = scored_nodes(step.choices)
        warm = scored_nodes(step.before)
        reply = self.child.ask({"warm": list(warm.items()), "nodes": list(nodes.items())}, deadline)
        log_probs = {
            ids: dict(zip(tokens, found, strict=True))
            for (ids, tokens), found in zip(nodes.items(), reply["log_probs"], strict=True)
        }
        scores = tuple(
            tuple(
                sum(log_probs[request.context + choice[:at]][token] for at, token in enumerate(choice))
                for choice in request.choices
            )
            for request in step.choices
        )
        return Trial(seconds=reply["seconds"], scores=scores)


def scored_nodes(requests: Sequence[ChoiceRequest]) -> dict[TokenIds, list[int]]:
    """Each place where a next token is scored, as the ids before it, with the tokens asked for there."""
    nodes: dict[TokenIds, dict[int, None]] = {}
    for request in requests:
        for choice in request.choices:
            for at, token in enumerate(choice):
                nodes.setdefault(request.context + choice[:at], {})[token] = None
    return {ids: list(nodes[ids]) for ids in sorted(nodes)}
