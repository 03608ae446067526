"""Converts weights once, so that a start only reads: GGUF to safetensors, and dense to quantised.

Runs in a process of its own: python -m opro_local.engine.importing gguf|nf4|int8 SOURCE TARGET. Weights
become bf16, which rounds what a GGUF file decodes to; the stored dtype is in config.json.
"""

import resource
import shutil
import sys
from pathlib import Path
from typing import Literal

from opro_local.offline import close_network

_GIB = 2**30


def import_gguf(file: Path, target: Path) -> None:
    """Write the model in a GGUF file as a safetensors folder in bf16, with tokenizer and chat template.

    A file without a chat template (a pre-trained model) gives a folder without one.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
        local_files_only=True,
    )
    # The saved folder is dense; save_pretrained refuses while these two are attached.
    model.hf_quantizer = None  # type: ignore[assignment]
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    tokenizer.save_pretrained(target)


def store_quantized(source: Path, target: Path, quantize: Literal["nf4", "int8"]) -> None:
    """Write source with its linear layers quantised by bitsandbytes; everything but the weights is copied.

    nf4 is double-quantised with bf16 arithmetic; what cannot be quantised well stays dense, see packing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from opro_local.engine.packing import packing_config

    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
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
    for path in source.iterdir():
        if not (target / path.name).exists() and ".safetensors" not in path.name:
            shutil.copyfile(path, target / path.name)


def _limit_memory(file: Path) -> None:
    """A GGUF file decodes to less than 16 times its size (1 to 16 bits a weight); torch maps some GiB."""
    if sys.platform == "linux":
        limit = 32 * _GIB + 24 * file.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(work: str, source: Path, target: Path) -> None:
    """Do one conversion in this process, with the network closed."""
    close_network()
    match work:
        case "gguf":
            _limit_memory(source)
            import_gguf(source, target)
        case "nf4" | "int8":
            store_quantized(source, target, work)
        case _:
            raise SystemExit(f"unknown work {work!r}; known: gguf, nf4, int8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
