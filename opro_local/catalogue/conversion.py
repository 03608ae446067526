"""Converts weights in a child process, so that foreign files are parsed with bounded time and memory.

The child (opro_local.engine.importing) needs torch; the parent stays light, and its network may be open while
the child's is closed.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

from opro_local.catalogue.gguf_header import GgufHeader
from opro_local.catalogue.gguf_parts import read_gguf
from opro_local.errors import ModelError
from opro_local.offline import ENVIRONMENT

StoredQuantize = Literal["nf4", "int8"]


def gguf_to_folder(file: Path, target: Path) -> GgufHeader:
    """Turn a GGUF file, with its other parts, into a safetensors folder with tokenizer and chat template.

    Returns the header. Raises ModelError when the file cannot be converted.
    """
    header = read_gguf(file)
    _run_child("gguf", file, target)
    return header


def quantized_copy(source: Path, target: Path, quantize: StoredQuantize) -> None:
    """Store the model in source with its weights quantised by bitsandbytes. Raises ModelError."""
    _run_child(quantize, source, target)


def _run_child(work: str, source: Path, target: Path) -> None:
    module = [sys.executable, "-P", "-m", "opro_local.engine.importing"]
    files = [source] if source.is_file() else list(source.iterdir())
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    try:
        done = subprocess.run(
            [*module, work, str(source.resolve()), str(target.resolve())],
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _python_path()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=600 + megabytes,  # a busy machine converts about 5 MB/s
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{source} took more than {error.timeout:.0f} s to convert ({work}).") from None
    if done.returncode != 0:
        raise ModelError(f"{source} cannot be converted ({work}): {_reason(done)}")


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return f"stopped by signal {-done.returncode}; is there enough memory?"
    return done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]


def _python_path() -> str:
    """The child must find this very package, and nothing that happens to lie in the current folder."""
    package = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
