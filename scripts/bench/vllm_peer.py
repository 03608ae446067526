"""vLLM in a child process under another Python, in its strongest form: with its prefix cache, one request a
place where a next token is scored.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.contestants import Trial
from bench.workloads import Step
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest, TokenIds

CHILD = Path(__file__).with_name("vllm_child.py")


class Vllm:
    """A context manager: the child lives from the first to the last step."""

    name = "vllm"

    def __init__(self, python: Path, *, folder: Path, dtype: str) -> None:
        threads = f"0-{(os.cpu_count() or 1) - 1}"
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the child
        self._child = subprocess.Popen(
            [python, CHILD],
            env=os.environ | {"VLLM_CPU_OMP_THREADS_BIND": threads, "VLLM_CPU_KVCACHE_SPACE": "4"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._ask(
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

    def __enter__(self) -> "Vllm":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.communicate()
        self._errors.close()

    def takes(self, step: Step) -> bool:
        return bool(step.choices)

    def run(self, step: Step) -> Trial:
        nodes = scored_nodes(step.choices)
        reply = self._ask({"warm": list(scored_nodes(step.before).items()), "nodes": list(nodes.items())})
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

    def _ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """One line there, one line back. Raises ModelError with the child's last words."""
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps(question) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # the answer below is missing too
        answer = self._child.stdout.readline()
        if not answer:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["it said nothing"])[-1]
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
