"""Converts weights once, so that a start only reads: GGUF to safetensors, and dense to quantised.

Runs in a process of its own: python -m opro_local.engine.importing gguf|nf4|int8|check|lora SOURCE [ADAPTER]
TARGET. On stdout it tells, a line each time, bytes written and bytes to write; why it failed is the last line
of stderr. Where weights are not needed (check), none are read.
"""

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from psutil import Process

from opro_local.catalogue.files import carried_files, copy_file
from opro_local.errors import ModelError
from opro_local.offline import close_network

_GIB = 2**30

TOKENIZER_SECONDS, TEMPLATE_SECONDS = 60, 5
"""Of computing. Vocabularies of 262,144 tokens take 3, templates 0.1."""

_PART_BYTES = 4 * _GIB


def store_quantized(source: Path, target: Path, quantize: Literal["nf4", "int8"]) -> None:
    """Write source with its linear layers quantised by bitsandbytes; everything but the weights is copied.

    nf4 is double-quantised with bf16 arithmetic; what cannot be quantised well stays dense, see packing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from opro_local.engine.packing import packed_share, packing_config

    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    if not packed_share(skeleton, quantize):
        raise ModelError(f"none of its matrices has a size that fits {quantize}; leave out --quantize.")
    model = AutoModelForCausalLM.from_pretrained(
        source,
        quantization_config=packing_config(quantize, skeleton, torch.bfloat16),
        dtype=torch.bfloat16,
        device_map={"": "cpu"},
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model.save_pretrained(target)
    for name in carried_files(source):
        if not (target / name).exists() and ".safetensors" not in name:
            copy_file(name, source, target)


def check_folder(folder: Path) -> None:
    """Try all of a folder but its weights. Raises ModelError, without the folder's name, where that fails.

    Tokenizer and template are programs of a kind: they are tried first, with bounded time and memory.
    """
    from opro_local.engine.fitting import check_template
    from opro_local.engine.profile import load_tokenizer, profile_folder

    try:
        with _bounded("its tokenizer", TOKENIZER_SECONDS):
            tokenizer = load_tokenizer(folder)
        if tokenizer.chat_template is not None:
            with _bounded("its chat template", TEMPLATE_SECONDS):
                check_template(folder, tokenizer)
        profile_folder(folder, quantize="auto", device="cpu", tokenizer=tokenizer)
    except ModelError as error:
        raise ModelError(str(error).removeprefix(f"{folder.name}: ")) from error


@contextmanager
def _bounded(part: str, seconds: float) -> Iterator[None]:
    """End this process by SIGPROF when the part has computed so long; the line that says so is the last then.

    The kernel counts and ends: a single call of a library may never come back to Python. Memory beyond the
    bound is a MemoryError.
    """
    print(f"{part} takes more than {seconds:g} s of computing", file=sys.stderr, flush=True)  # noqa: T201
    limits = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        held = Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (held + _PART_BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write base with an adapter merged into its weights."""
    from opro_local.engine.lora import merge_adapter

    merge_adapter(adapter, base, target)


def _import_gguf(source: Path, target: Path) -> None:
    from opro_local.engine.gguf.conversion import import_gguf
    from opro_local.engine.profile import keep_silent

    keep_silent()
    import_gguf(source, target, lambda done, total: print(done, total, flush=True))  # noqa: T201  (the protocol)


def _limit_memory(file: Path) -> None:
    """A tensor decodes to less than 32 times its size (1 to 32 bits a weight); torch maps some GiB."""
    if sys.platform == "linux":
        limit = 32 * _GIB + 24 * file.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(work: str, source: Path, *more: Path) -> None:
    """Do one conversion in this process, with the network closed."""
    target = more[-1]
    close_network()
    match work:
        case "gguf":
            _limit_memory(source)
            _import_gguf(source, target)
            check_folder(target)
        case "nf4" | "int8":
            store_quantized(source, target, work)
            check_folder(target)
        case "check":
            check_folder(source)
        case "lora":
            merge(source, more[0], target)
        case _:
            raise SystemExit(f"unknown work {work!r}; known: gguf, nf4, int8, check, lora")


if __name__ == "__main__":
    try:
        main(sys.argv[1], *map(Path, sys.argv[2:]))
    except ModelError as error:
        raise SystemExit(str(error)) from None  # one line, the parent's message
