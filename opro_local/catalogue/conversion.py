"""Converts weights in a child process, so that foreign files are parsed with bounded time and memory.

The child (opro_local.engine.importing) needs torch; the parent stays light, and its network may be open while
the child's is closed. What the child tells of its progress is drawn where stderr is a terminal.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from time import monotonic
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

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
    _run_child("gguf", file, target, called=str(file))
    return header


def quantized_copy(source: Path, target: Path, quantize: StoredQuantize, *, called: str) -> None:
    """Store the model in source with its weights quantised by bitsandbytes.

    Raises ModelError, which calls the model by the name given.
    """
    _run_child(quantize, source, target, called=called)


def merged_adapter(adapter: Path, base: Path, target: Path) -> None:
    """Write the weights of base into target with a LoRA adapter merged into them. Raises ModelError."""
    if reason := _failure("lora", base, adapter, target):
        raise ModelError(reason)


def check_loads(folder: Path, *, called: str) -> None:
    """Raise ModelError where the libraries would refuse the folder, or read it otherwise than it says.

    Configuration, names and shapes of tensors, tokenizer and chat template are tried, weights are not read.
    The error calls the folder by the name given.
    """
    if reason := _failure("check", folder, folder):
        raise ModelError(f"{called}: {reason}")


def _run_child(work: str, source: Path, target: Path, *, called: str) -> None:
    if reason := _failure(work, source, target):
        raise ModelError(f"{called} cannot be converted ({work}): {reason}")


def _failure(work: str, source: Path, *more: Path) -> str | None:
    """Do one piece of work in a child. -> Why it failed, None if it is done."""
    module = [sys.executable, "-P", "-m", "opro_local.engine.importing"]
    seconds = _most_seconds(source)
    begun = monotonic()
    with (
        TemporaryFile() as errors,
        _bar(source.name) as draw,
        subprocess.Popen(
            [*module, work, *(str(path.resolve()) for path in (source, *more))],
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _python_path()},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as child,
    ):
        deadline = Timer(seconds, child.kill)
        deadline.start()
        assert child.stdout is not None
        for line in child.stdout:
            draw(line)
        code = child.wait()
        deadline.cancel()
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip()
    if code == 0:
        return None
    if code == -signal.SIGPROF:  # the child has said what it was at
        return said.rpartition("\n")[2]
    if code < 0:
        late = monotonic() - begun >= seconds
        ended = f"it took more than {seconds:.0f} s" if late else f"stopped by signal {-code}"
        return ended if late else f"{ended}; is there enough memory?"
    return said.rpartition("\n")[2]


def _most_seconds(source: Path) -> float:
    """A busy machine converts about 5 MB/s."""
    files = [source] if source.is_file() else [path for path in source.iterdir() if path.is_file()]
    return 600 + sum(file.stat().st_size for file in files) / 1e6


@contextmanager
def _bar(name: str) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, drawn from lines of two numbers: bytes written, bytes to write."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def draw(line: str) -> None:
            done, _, total = line.partition(" ")
            if done.isdigit() and total.strip().isdigit():
                progress.update(task, completed=int(done), total=int(total))

        yield draw


def _python_path() -> str:
    """The child must find this very package, and nothing that happens to lie in the current folder."""
    package = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
