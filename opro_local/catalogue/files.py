"""Which files of a folder are the model."""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISREG

from opro_local.errors import ModelError

TEMPLATES = "additional_chat_templates"
MANIFEST = "MODEL.json"
SUMS = "SHA256SUMS"

LARGEST_TEXT = 100_000_000
"""Bytes of a file that holds no weights; tokenizers of 262,144 tokens have 35 million."""

_TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "chat_template*",
    f"{TEMPLATES}/*.jinja",
)
# What decides the numbers a model gives.
_MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "*_config.json",
    *_TOKENIZER_FILES,
)
_LEGAL_FILES = ("LICEN[CS]E*", "NOTICE*", "*TERMS*", "USE_POLICY*", "README.md")


def is_second_copy(name: str) -> bool:
    """Whether a file holds the weights once more in their maker's own format."""
    return name.startswith("consolidated")


def is_model_file(name: str) -> bool:
    """Whether a file of this name, as seen from the folder, changes what the model answers."""
    return not is_second_copy(name) and any(fnmatchcase(name, pattern) for pattern in _MODEL_FILES)


def is_tokenizer_file(name: str) -> bool:
    """Whether a file of this name belongs to the tokenizer or the chat template."""
    return any(fnmatchcase(name, pattern) for pattern in _TOKENIZER_FILES)


def is_legal_file(name: str) -> bool:
    """Whether a file of this name holds the licence or the model card."""
    return any(fnmatchcase(name, pattern) for pattern in _LEGAL_FILES)


def model_files(folder: Path) -> list[str]:
    """The names of all files that change what the model answers, in alphabetical order."""
    paths = [*folder.iterdir(), *(folder / TEMPLATES).glob("*.jinja")]
    names = (path.relative_to(folder).as_posix() for path in paths)
    return sorted(name for name in names if is_model_file(name))


def check_file(path: Path) -> None:
    """Raise ModelError where a name is no regular file (a pipe would be waited for), or one too long to be
    read at once."""
    try:
        found = path.stat()
    except OSError as error:
        raise ModelError(f"{path.parent.name}: {path.name} cannot be read: {error.strerror}.") from None
    if not S_ISREG(found.st_mode):
        raise ModelError(f"{path.parent.name}: {path.name} is no regular file. Remove it.")
    if path.suffix != ".safetensors" and found.st_size > LARGEST_TEXT:
        raise ModelError(
            f"{path.parent.name}: {path.name} has {found.st_size} bytes; at most {LARGEST_TEXT} are read."
        )


def is_kind(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Whether a path is of a kind (Path.is_dir, Path.is_file); what no path can be is not."""
    try:
        return kind(path)
    except OSError:  # a name too long, a folder that may not be entered
        return False


def files_below(folder: Path) -> list[str]:
    """The names of all regular files as seen from the folder, in alphabetical order."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def carried_files(folder: Path) -> list[str]:
    """What is copied with a model: its files and its licence; no library's leavings, no second weights."""
    legal = (path.name for path in folder.iterdir() if path.is_file() and is_legal_file(path.name))
    return sorted({*model_files(folder), *legal})


def copy_file(name: str, source: Path, target: Path) -> None:
    """Copy a file of a model from folder to folder, following links: the hub's cache holds links only."""
    (target / name).parent.mkdir(exist_ok=True)
    shutil.copyfile(source / name, target / name)


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


Hashes = Callable[[Sequence[Path]], list[str]]
"""The SHA-256 of files in hexadecimal, in their order."""


def files_sha256(paths: Sequence[Path]) -> list[str]:
    """The same for several files at once, one a processor: hashing lets other threads run."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(file_sha256, paths))
