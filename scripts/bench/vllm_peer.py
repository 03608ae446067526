"""vLLM in a child process under another Python, in its strongest form: with its prefix cache, one request a
place where a next token is scored.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from typing import Any, TextIO

from bench.contestants import Trial
from bench.workloads import Step
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest, TokenIds

CHILD = Path(__file__).with_name("vllm_child.py")


@contextmanager
def vllm(python: Path, *, folder: Path, dtype: str) -> Iterator["Vllm"]:
    """A child with the model loaded, for as long as the context lasts. Raises ModelError."""
    threads = f"0-{(os.cpu_count() or 1) - 1}"
    with (
        TemporaryFile("w+") as errors,
        Popen(
            [python, CHILD],
            env=os.environ | {"VLLM_CPU_OMP_THREADS_BIND": threads, "VLLM_CPU_KVCACHE_SPACE": "4"},
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            text=True,
        ) as child,
    ):
        peer = Vllm(child, errors)
        peer.ask(
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
        yield peer


@dataclass(frozen=True, slots=True)
class Vllm:
    """Asks the child; errors is the file that its stderr goes to."""

    child: Popen[str]
    errors: TextIO
    name: str = "vllm"

    def takes(self, step: Step) -> bool:
        return bool(step.choices)

    def run(self, step: Step) -> Trial:
        nodes = scored_nodes(step.choices)
        reply = self.ask({"warm": list(scored_nodes(step.before).items()), "nodes": list(nodes.items())})
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

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """One line there, one line back. Raises ModelError with the child's last words."""
        assert self.child.stdin is not None and self.child.stdout is not None
        with suppress(BrokenPipeError):  # then the answer is missing too
            self.child.stdin.write(json.dumps(question) + "\n")
            self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            self.errors.seek(0)
            last = (self.errors.read().strip().splitlines() or ["it said nothing"])[-1]
            raise ModelError(f"The vLLM child ended: {last[-200:]}")
        result: dict[str, Any] = json.loads(answer)
        return result


def scored_nodes(requests: Sequence[ChoiceRequest]) -> dict[TokenIds, list[int]]:
    """Each place where a next token is scored, as the ids before it, with the tokens asked for there."""
    nodes: dict[TokenIds, dict[int, None]] = {}
    for request in requests:
        for choice in request.choices:
            for at, token in enumerate(choice):
                nodes.setdefault(request.context + choice[:at], {})[token] = None
    return {ids: list(nodes[ids]) for ids in sorted(nodes)}
