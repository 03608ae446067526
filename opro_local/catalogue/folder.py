"""Whether a folder is a model that can be loaded here, judged by its names, its JSON files and the headers of
its weights. `model add` and every load ask this one judgement; no model library is imported for it.

What could run code when it is loaded (pickled weights, Python files, keys that name code) is refused.
"""

from dataclasses import dataclass
from pathlib import Path

from opro_local.catalogue.configuration import check_configuration, read_json
from opro_local.catalogue.files import check_file, model_files
from opro_local.catalogue.sizes import check_sizes
from opro_local.catalogue.weights import count_parameters, packing, stored_tensors
from opro_local.errors import ModelError

BYTE_LEVEL = ("GPT2Tokenizer", "Qwen2Tokenizer")
"""Classes that say themselves how vocab.json and merges.txt become ids; others would guess."""

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A folder that may be loaded. stored is the bitsandbytes type of weights that are quantised already."""

    path: Path
    parameters: int
    stored: str | None


def read_folder(path: Path) -> ModelFolder:
    """Judge a folder by what it holds. Raises ModelError in one line if it is no whole or no safe model."""
    if not path.is_dir():
        raise ModelError(f"{path}: no such model folder. Pull or add the model first.")
    _check_names(path)
    if not (path / "config.json").exists():
        raise ModelError(f"{path} has no config.json; a model folder holds config.json and *.safetensors.")
    _check_files(path)
    check_configuration(path)
    tensors = stored_tensors(path)
    check_sizes(path, tensors)
    stored = packing(path, tensors)
    check_tokenizer_files(path)
    return ModelFolder(path=path, parameters=count_parameters(tensors), stored=stored)


def _check_names(folder: Path) -> None:
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}.") from None
    for path in paths:
        if path.suffix in _PICKLES:
            raise ModelError(
                f"{folder}: {path.name} may hold code (pickle); only safetensors are read. Remove it."
            )
        if path.suffix == ".py":
            raise ModelError(
                f"{folder}: {path.name} is code; code shipped with weights is not run. Remove it."
            )
        if path.name in ("adapter_config.json", "adapter_model.safetensors"):
            raise ModelError(
                f"{folder.name}: {path.name} belongs to an adapter. Merge it: `opro-local model add"
                " ADAPTER_FOLDER --base MODEL_OR_FOLDER --as NAME`, each in a folder of its own."
            )


def _check_files(folder: Path) -> None:
    """Raise ModelError for what is no file, empty files and what git left in place of files."""
    for name in model_files(folder):
        path = folder / name
        check_file(path)
        try:
            with path.open("rb") as file:
                first = file.read(len(_POINTER))
        except OSError as error:
            raise ModelError(f"{folder.name}: {name} cannot be read: {error.strerror}.") from None
        if first == _POINTER:
            raise ModelError(
                f"{folder.name}: {name} is a git-LFS pointer, not the file. Run `git lfs pull` there."
            )
        if not first and path.suffix in (".json", ".safetensors"):
            raise ModelError(f"{folder.name}: {name} is empty. Copy the model again.")


def check_tokenizer_files(folder: Path) -> None:
    """Raise ModelError unless the folder holds a tokenizer whose files say whole how texts become ids."""
    if (folder / "tokenizer.json").is_file():
        return
    config = folder / "tokenizer_config.json"
    named = str(read_json(config).get("tokenizer_class")) if config.is_file() else "None"
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        if named.removesuffix("Fast") in BYTE_LEVEL:
            return
        raise ModelError(
            f"{folder.name}: vocab.json and merges.txt without tokenizer.json are read for"
            f" {' and '.join(BYTE_LEVEL)}, not for {named}. Add the tokenizer.json."
        )
    others = ("tokenizer.model", "tekken.json", "spiece.model", "tiktoken.model", "vocab.txt")
    found = next((name for name in others if (folder / name).is_file()), None)
    raise ModelError(
        f"{folder.name}: no tokenizer.json{f'; its {found} is not read' if found else ', so no tokenizer'}."
        " Add the tokenizer.json that belongs to the model."
    )
