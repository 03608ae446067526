"""Which share of a folder's weights is stored quantised, read from the headers of its safetensors files."""

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

BESIDE = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".SCB", ".weight_format")
STATE = ".quant_state.bitsandbytes__"
"""What bitsandbytes stores beside a weight that it packed; a state only beside one in 4 bit."""


def quantized_share(folder: Path) -> float | None:
    """Of all weights, between 0 and 1; None where none is quantised."""
    tensors = dict(_tensors(folder))
    four_bit = {name.split(STATE)[0] for name in tensors if STATE in name}
    dense = packed = 0
    for name, (dtype, size) in tensors.items():
        if name in four_bit:
            packed += 2 * size  # two to a byte
        elif dtype == "I8":
            packed += size
        elif STATE not in name and not name.endswith(BESIDE):
            dense += size
    return round(packed / (packed + dense), 4) if packed else None


def _tensors(folder: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """Type and number of elements of each stored tensor, by name; a file without a header has none."""
    for path in sorted(folder.glob("*.safetensors")):
        for name, entry in _header(path).items():
            if name != "__metadata__":
                yield name, (entry["dtype"], prod(entry["shape"]))


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length < path.stat().st_size else b""
    try:
        header = json.loads(text)
    except ValueError:
        header = None
    return header if isinstance(header, dict) else {}
