"""Which safetensors files of a folder are its weights, and whether they are whole and agree."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from opro_local.catalogue.configuration import quantisation, read_json
from opro_local.catalogue.files import is_second_copy
from opro_local.catalogue.safetensors_header import BITS, StoredTensor, read_header
from opro_local.errors import ModelError

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

PACKING = re.compile(
    r"\.(absmax|quant_map|nested_absmax|nested_quant_map|SCB|weight_format|quant_state\.bitsandbytes__(nf4|fp4))$"
)
"""What bitsandbytes stores beside a weight that it packed."""

MOST_TENSORS = 500_000
"""DeepSeek-V3 has 92,000; 4-bit weights have six each."""

_PART = re.compile(r"-\d+-of-\d+\.safetensors$")

_DENSE = {"F16", "BF16", "F32", "F64"}
_BUFFERS = {"BOOL", "I64", "I32"}


def stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    """Every tensor that the folder's weights hold, by name; only headers are read.

    Raises ModelError where files are missing, damaged, left over, or contradict each other.
    """
    names = sorted(path.name for path in folder.glob("*.safetensors") if not is_second_copy(path.name))
    indexes = sorted(
        path.name for path in folder.glob("*.safetensors.index.json") if not is_second_copy(path.name)
    )
    if not names:
        raise ModelError(f"{folder} {_without_weights(folder)}")
    if indexes not in ([], [INDEX]):
        raise ModelError(f"{folder.name}: {indexes[0]} is not read; the index is {INDEX}. Remove it.")
    placed = _placed(folder, names) if indexes else None
    wanted = [WHOLE] if placed is None else sorted(set(placed.values()))
    for name in names:
        if name not in wanted:
            raise ModelError(f"{folder.name}: {name} is {_left_over(name, names, bool(indexes))}")
    if placed is None and WHOLE not in names:
        raise ModelError(f"{folder.name}: {WHOLE} is missing. Copy the model again.")
    tensors = _joined(folder, wanted)
    if placed is not None:
        _compare_with_index(folder, placed, tensors)
    return tensors


def _without_weights(folder: Path) -> str:
    if copies := sorted(path.name for path in folder.glob("*.safetensors")):
        return f"has its weights in the maker's own format only, {copies[0]}; {WHOLE} is needed."
    return "has no *.safetensors file; other weight formats are not read."


def _left_over(name: str, names: Iterable[str], indexed: bool) -> str:
    if WHOLE in names or indexed:
        return "no part of the model. Remove it."
    if _PART.search(name):
        return f"a part, and {INDEX} that tells of all parts is missing. Copy the model again."
    return f"not read; if it holds all the weights, rename it {WHOLE}."


def _placed(folder: Path, names: list[str]) -> dict[str, str]:
    """The file of each tensor by the index. Raises ModelError where it is damaged or names missing files."""
    placed = read_json(folder / INDEX).get("weight_map")
    if (
        not isinstance(placed, dict)
        or not placed
        or not all(isinstance(file, str) for file in placed.values())
    ):
        raise ModelError(f"{folder.name}: {INDEX} has no weight_map. Copy the model again.")
    if missing := sorted(set(placed.values()) - set(names)):
        raise ModelError(f"{folder}: {missing[0]} is missing, {INDEX} names it. Copy the model again.")
    if WHOLE in names and set(placed.values()) != {WHOLE}:
        raise ModelError(f"{folder.name}: {WHOLE} lies beside the parts of {INDEX}. Keep one of both.")
    return placed


def _joined(folder: Path, files: Iterable[str]) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for file in files:
        try:
            found = read_header(folder / file)
        except OSError as error:
            raise ModelError(f"{folder / file} cannot be read: {error.strerror}.") from None
        if twice := sorted(found.keys() & tensors.keys()):
            raise ModelError(f"{folder.name}: {twice[0]} is in {tensors[twice[0]].file} and in {file}.")
        tensors |= found
    if not any(tensor.elements for tensor in tensors.values()):
        raise ModelError(f"{folder.name}: its weights hold no tensor. Copy the model again.")
    if len(tensors) > MOST_TENSORS:
        raise ModelError(f"{folder.name}: its weights are {len(tensors)} tensors; {MOST_TENSORS} are read.")
    return tensors


def _compare_with_index(folder: Path, placed: Mapping[str, str], tensors: Mapping[str, StoredTensor]) -> None:
    for name in sorted({*placed, *tensors}):
        said, found = placed.get(name), tensors[name].file if name in tensors else None
        if said != found:
            raise ModelError(
                f"{folder.name}: {name} is in {found or 'no file'}, by {INDEX} in {said or 'none'}."
                " Copy the model again."
            )


def packing(folder: Path, tensors: Mapping[str, StoredTensor]) -> str | None:
    """The bitsandbytes type of the stored weights (nf4, fp4, int8), None where they are dense.

    Raises ModelError for weights of another kind, and where config.json and the files do not agree.
    """
    said = quantisation(folder)
    ends = (match for match in map(PACKING.search, tensors) if match)
    found = {match[2] or "int8" for match in ends if match[2] or match[1] == "SCB"}
    if said is None:
        _check_dense(folder, tensors)
        return None
    expected = {"nf4", "fp4"} if said == "4bit" else {"int8"}
    if len(found) != 1 or not found <= expected:
        raise ModelError(
            f"{folder.name}: config.json says {said} by bitsandbytes, the files hold"
            f" {' and '.join(sorted(found)) or 'dense weights'}. Copy the model again."
        )
    _check_packed(folder, tensors)
    return found.pop()


def _check_dense(folder: Path, tensors: Mapping[str, StoredTensor]) -> None:
    for name, tensor in tensors.items():
        mask = tensor.dtype == "U8" and name.endswith("bias")  # the causal masks of early GPTs
        known = _DENSE if name.endswith(".weight") else _DENSE | _BUFFERS
        if tensor.dtype not in known and not mask:
            raise ModelError(
                f"{folder.name}: {name} is stored in {tensor.dtype}, and config.json names no quantisation"
                " that is run here. Use the dense model, or one quantised by bitsandbytes."
            )


def _check_packed(folder: Path, tensors: Mapping[str, StoredTensor]) -> None:
    for name, tensor in tensors.items():
        if PACKING.search(name) or tensor.dtype in _DENSE | _BUFFERS:
            continue
        parts = {"U8": (".absmax", ".quant_map"), "I8": (".SCB",)}.get(tensor.dtype)
        stem = name if tensor.dtype == "U8" else name.removesuffix(".weight")
        if parts is None:
            raise ModelError(
                f"{folder.name}: {name} is stored in {tensor.dtype}, which bitsandbytes does not read."
            )
        for part in parts:
            if stem + part not in tensors:
                raise ModelError(
                    f"{folder.name}: {stem + part} is missing beside {name}. Copy the model again."
                )


def count_parameters(tensors: Mapping[str, StoredTensor]) -> int:
    """How many numbers the weights are; a byte of a 4-bit weight is two of them."""
    return sum(
        tensor.elements * (BITS[tensor.dtype] // 4 if f"{name}.absmax" in tensors else 1)
        for name, tensor in tensors.items()
        if not PACKING.search(name)
    )


def quantized_share(folder: Path) -> float | None:
    """The share of all numbers that is stored quantised, between 0 and 1; None where none is."""
    tensors = stored_tensors(folder)
    packed = {
        name: tensor
        for name, tensor in tensors.items()
        if f"{name}.absmax" in tensors or f"{name.removesuffix('.weight')}.SCB" in tensors
    }
    beside = {name: tensor for name, tensor in tensors.items() if name.endswith(".absmax")}
    share = count_parameters(packed | beside) / count_parameters(tensors)
    return round(share, 4) or None


def config_dtype(config: Mapping[str, Any]) -> str:
    """The dtype that config.json tells, at the top or in its text part."""
    parts = [part for part in (config, config.get("text_config")) if isinstance(part, dict)]
    return next(
        (str(part[key]) for part in parts for key in ("dtype", "torch_dtype") if part.get(key)), "unknown"
    )
