"""GGUF files, imported by the product's own importer and held against llama.cpp."""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory

from exactness.gguf_files import kinds_of
from exactness.llama_cpp import Likeliest, llama_cpp
from exactness.stored import TEXT
from exactness.strings import varied_strings
from opro_local.engine.local import LocalEngine, load_engine
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest, Message, TokenIds

LENGTHS = (1, 2, 5, 9, 17, 40, 100, 200)
"""Contexts of so many tokens: below and beyond the windows and the original contexts of the small files."""

TOP = 300
"""So many of the likeliest next tokens are compared behind each context: all of a small file's."""

STRINGS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCheck:
    """gap is the largest difference of a log-probability, in nats; ids_equal counts texts with equal ids."""

    name: str
    kinds: str
    level: str
    gap: float
    greedy_equal: bool
    ids_equal: int
    version: str


def check_import(name: str, file: Path, python: Path, *, prose: bool) -> ImportCheck:
    """Import a file and compare. Contexts are English, or random ids. Raises ModelError if it is refused."""
    with TemporaryDirectory() as work:
        folder = Path(work) / "imported"
        import_file(file, folder)
        engine = load_engine(folder, digest=name, quantize="fp32", device="cpu", chat=False)
        with llama_cpp(python, file) as other:
            contexts = _prose(engine) if prose else _random(engine)
            tops = other.likeliest(contexts, TOP)
            strings = varied_strings(STRINGS)
            ids = other.tokens(strings)
        gap, greedy_equal = _compare(engine, contexts, tops)
        return ImportCheck(
            name=name,
            kinds=kinds_of(file),
            level=engine.level,
            gap=gap,
            greedy_equal=greedy_equal,
            ids_equal=sum(
                list(_ids(engine, text)) == theirs for text, theirs in zip(strings, ids, strict=True)
            ),
            version=other.version,
        )


def import_file(file: Path, folder: Path) -> None:
    """As `opro-local model add` does it. Raises ModelError with the importer's last words."""
    command = [sys.executable, "-m", "opro_local.engine.importing", "gguf", str(file), str(folder)]
    done = run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelError(f"not imported: {last[-200:]}")


def _compare(
    engine: LocalEngine, contexts: Sequence[TokenIds], tops: Sequence[Likeliest]
) -> tuple[float, bool]:
    requests = [
        ChoiceRequest(context=ids, choices=tuple((token,) for token, _ in top))
        for ids, top in zip(contexts, tops, strict=True)
    ]
    pairs = [
        (reply.log_probs, [log_prob for _, log_prob in top])
        for reply, top in zip(engine.loglikelihood(requests), tops, strict=True)
    ]
    gap = max(abs(a - b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))
    return gap, all(max(ours) == ours[theirs.index(max(theirs))] for ours, theirs in pairs)


def _ids(engine: LocalEngine, text: str) -> TokenIds:
    """As a prompt of a pre-trained model: with a start token if there is one."""
    return engine.encode([Message("user", text)])


def _prose(engine: LocalEngine) -> list[TokenIds]:
    text = _ids(engine, " ".join([TEXT] * 4))
    return [text[:length] for length in LENGTHS]


def _random(engine: LocalEngine) -> list[TokenIds]:
    draw = random.Random(0)
    plain = _ids(engine, "".join(map(chr, range(32, 127))))
    return [tuple(draw.choices(plain, k=length)) for length in LENGTHS]
