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


def merged_adapter(adapter: Path, base: Path, target: Path) -> None:
    """Write the weights of base into target with a LoRA adapter merged into them. Raises ModelError."""
    if done := _failed("lora", base, adapter, target):
        raise ModelError(_reason(done))


def check_loads(folder: Path, *, called: str) -> None:
    """Raise ModelError where the libraries would refuse the folder, or read it otherwise than it says.

    Configuration, names and shapes of tensors, tokenizer and chat template are tried, weights are not read.
    The error calls the folder by the name given.
    """
    if done := _failed("check", folder, folder):
        raise ModelError(f"{called}: {_reason(done)}")


def _run_child(work: str, source: Path, target: Path) -> None:
    if done := _failed(work, source, target):
        raise ModelError(f"{source} cannot be converted ({work}): {_reason(done)}")


def _failed(work: str, source: Path, *more: Path) -> subprocess.CompletedProcess[bytes] | None:
    """Do one piece of work in a child, which is returned if it failed. Raises ModelError if it takes long."""
    module = [sys.executable, "-P", "-m", "opro_local.engine.importing"]
    files = [source] if source.is_file() else [path for path in source.iterdir() if path.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    try:
        done = subprocess.run(
            [*module, work, *(str(path.resolve()) for path in (source, *more))],
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _python_path()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=600 + megabytes,  # a busy machine converts about 5 MB/s
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{source} took more than {error.timeout:.0f} s to convert ({work}).") from None
    return done if done.returncode != 0 else None


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return f"stopped by signal {-done.returncode}; is there enough memory?"
    return done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]


def _python_path() -> str:
    """The child must find this very package, and nothing that happens to lie in the current folder."""
    package = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
