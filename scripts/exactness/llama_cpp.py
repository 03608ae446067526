"""llama.cpp as another reader of GGUF files, in a child process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

from bench.children import Child, child_process

from opro_local.llm import TokenIds

CHILD = Path(__file__).with_name("llama_child.py")

Likeliest = list[tuple[int, float]]
"""Ids of likely next tokens and their log-probabilities in nats, the likeliest first."""


def has_llama_cpp(python: Path) -> bool:
    """Whether this Python can import xllamacpp."""
    return run([python, "-c", "import xllamacpp"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCpp:
    """A file as llama.cpp reads it."""

    child: Child
    version: str

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text as a prompt of its own."""
        answer = self.child.ask({"texts": list(texts)})
        ids: list[list[int]] = answer["ids"]
        return ids

    def likeliest(self, prompts: Sequence[TokenIds], top: int) -> list[Likeliest]:
        """The likeliest next tokens behind each prompt."""
        answer = self.child.ask({"prompts": [list(ids) for ids in prompts], "top": top})
        return [[(token, log_prob) for token, log_prob in tops] for tops in answer["tops"]]


@contextmanager
def llama_cpp(python: Path, file: Path) -> Iterator[LlamaCpp]:
    """The file, loaded for as long as the context lasts. Raises ModelError if llama.cpp does not take it."""
    with child_process("llama.cpp", python, CHILD, {}) as child:
        ready = child.ask({"model": str(file)})
        yield LlamaCpp(child=child, version=str(ready["version"]))
